// A steady stream in every way there is, while something is broken, and what has to be true of it afterwards.
import { BelfryError } from '@belfry/contracts';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { type Audience, type Heard, type Way, ways } from './outages-audience.js';
import { until } from './durable-world.js';

/** Something that was sent. */
export interface Said {
  readonly way: Way;
  readonly n: number;
  /** `performance.now()` */
  readonly at: number;
  /** `ok`, or the code of the error. */
  outcome: string | undefined;
  /** Milliseconds until it settled. */
  took: number;
}

/** What each way may be rejected with in an outage. */
const allowed: Record<Way, readonly string[]> = {
  event: ['ok', 'TRANSPORT_UNAVAILABLE', 'PUBLISH_UNCONFIRMED'],
  durable: ['ok', 'TRANSPORT_UNAVAILABLE', 'PUBLISH_UNCONFIRMED'],
  bare: ['ok', 'TRANSPORT_UNAVAILABLE', 'PUBLISH_UNCONFIRMED'],
  request: ['ok', 'TRANSPORT_UNAVAILABLE', 'REQUEST_TIMEOUT', 'NO_RESPONDERS', 'REPLY_LOST'],
};
/** Whoever gets one of these may be sure that nobody has handled it. */
const surelyNot = ['TRANSPORT_UNAVAILABLE', 'NO_RESPONDERS'];

export interface LoadOptions {
  /** Of requests, in milliseconds. */
  readonly timeout?: number;
  /** Between two numbers of each way, in milliseconds. */
  readonly pause?: number;
  /** What may be handled twice: an acknowledgement that a primary takes with it is none. Default: nothing. */
  readonly mayRepeat?: readonly (keyof Heard)[];
}

export class Load {
  readonly said: Said[] = [];
  readonly #audience: Audience;
  readonly #settled: Promise<void>[] = [];
  readonly #timeout: number;
  readonly #mayRepeat: ReadonlySet<string>;
  readonly #ticker: NodeJS.Timeout;

  constructor(audience: Audience, { timeout = 1500, pause = 20, mayRepeat = [] }: LoadOptions = {}) {
    this.#audience = audience;
    this.#timeout = timeout;
    this.#mayRepeat = new Set(mayRepeat);
    this.#ticker = setInterval(() => {
      for (const way of ways) this.#settled.push(this.#say(way));
    }, pause);
  }

  /** Sends no more. */
  stop(): void {
    clearInterval(this.#ticker);
  }

  /** Waits until so much more has settled well, in every way. */
  async flows(count = 5): Promise<void> {
    const from = this.said.length;
    await until(() => ways.every((way) => this.#good(way, from).length >= count), 20_000);
  }

  /**
   * Sends no more. Resolves when everything has settled as it may: not later than promised, with one of the codes of an outage, and
   * handled twice by nobody, nor at all when the error says so.
   * @param within the longest that a publish may take, in milliseconds
   */
  async endsWell(within: number): Promise<void> {
    this.stop();
    await expect.poll(() => this.said.filter(({ outcome }) => outcome === undefined), { timeout: within }).toEqual([]);
    await Promise.all(this.#settled);
    const { heard } = this.#audience;
    for (const way of ways) {
      const said = this.said.filter((each) => each.way === way);
      expect(
        said.filter(({ outcome }) => !allowed[way].includes(outcome ?? '')),
        `${way} may not end so`,
      ).toEqual([]);
      // A timer may come late on a machine that is busy, but not by half a second.
      const longest = way === 'request' ? this.#timeout + 500 : within;
      expect(
        said.filter(({ took }) => took > longest),
        `${way} settles`,
      ).toEqual([]);
    }
    for (const [name, list] of Object.entries(heard)) {
      if (!this.#mayRepeat.has(name)) expect(repeatedIn(list), `${name} handles twice`).toEqual([]);
    }
    for (const list of [heard.broadcast, heard.otherBroadcast, heard.pattern, heard.bare, heard.durableBroadcast])
      expect(list).toEqual(list.toSorted((a, b) => a - b));
    for (const way of ways) {
      const denied = this.said.filter((each) => each.way === way && surelyNot.includes(each.outcome ?? ''));
      const numbers = new Set(denied.map(({ n }) => n));
      for (const list of this.#audience.listsOf(way))
        expect(
          list.filter((n) => numbers.has(n)),
          way,
        ).toEqual([]);
    }
  }

  /** Resolves once every durable event that was confirmed has been handled by the group and by the broadcast subscriber. */
  async durableArrives(): Promise<void> {
    const confirmed = this.#good('durable').map(({ n }) => n);
    await expect
      .poll(() => this.#audience.listsOf('durable').map((list) => confirmed.filter((n) => !list.includes(n))), {
        timeout: 15_000,
      })
      .toEqual([[], []]);
  }

  /** How many were rejected with a code. */
  count(way: Way, outcome: string): number {
    return this.said.filter((each) => each.way === way && each.outcome === outcome).length;
  }

  #good(way: Way, from = 0): Said[] {
    return this.said.slice(from).filter((each) => each.way === way && each.outcome === 'ok');
  }

  async #say(way: Way): Promise<void> {
    const said: Said = { way, n: this.#audience.nextNumber(), at: performance.now(), outcome: undefined, took: 0 };
    this.said.push(said);
    try {
      await this.#audience.say(way, said.n, this.#timeout);
      said.outcome = 'ok';
    } catch (error) {
      said.outcome = BelfryError.is(error) ? error.code : String(error);
    }
    said.took = performance.now() - said.at;
  }
}

export interface OutlivesOptions extends LoadOptions {
  /** Resolves once everybody is back, exactly once; or a connection to the one server, by which that can be seen. */
  readonly admin: Redis | (() => Promise<void>);
  /** The longest that a publish may take, in milliseconds. */
  readonly within: number;
  /** Redis has lost what was in its logs. */
  readonly losesLogs?: boolean;
}

/**
 * Breaks something while there is a load in every way. By itself everybody has to be back then, exactly once, and whatever was sent has
 * to have settled as it may.
 * @param fault breaks it, and mends what has to be mended
 */
export async function outlives(
  audience: Audience,
  fault: () => Promise<unknown>,
  { admin, within, losesLogs = false, ...options }: OutlivesOptions,
): Promise<Load> {
  const load = new Load(audience, options);
  await load.flows();
  await fault();
  await load.flows();
  await (typeof admin === 'function' ? admin() : audience.isWhole(admin));
  await load.endsWell(within);
  if (!losesLogs) await load.durableArrives();
  await audience.hearsEverythingOnce();
  return load;
}

const repeatedIn = (list: readonly number[]): number[] => list.filter((n, at) => list.indexOf(n) !== at);
