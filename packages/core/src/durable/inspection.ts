import { BelfryError, type ErrorIssue, type EventContract, validate } from '@belfry/contracts';
import { type Clock, sleep } from '../clock.js';
import { decodeEnvelope, type Envelope } from '../envelope.js';
import { openEnvelope } from '../event-handling.js';
import type { DeadLetter, Durability, GroupState } from './durability.js';

/** A dead letter as it is shown. */
export interface ShownDeadLetter {
  /** Names it among the dead letters of its group. */
  readonly id: string;
  /** Its place in the log when it was given up. */
  readonly entry: string;
  /** The code of the error: a {@link BelfryError}'s, else `HANDLER_FAILED`. */
  readonly code: string;
  /** What the error said. It may quote the data. */
  readonly message: string;
  readonly attempts: number;
  /** When the first attempt began. */
  readonly firstAt: Date;
  /** When it was given up. */
  readonly lastAt: Date;
  readonly key: string | undefined;
  /** The original, as it came. */
  readonly body: string;
  /** The same, read; `undefined` when it is no envelope. */
  readonly envelope: Envelope | undefined;
}

/** Which dead letters: one, some, or all. */
export type WhichDeadLetters = string | readonly string[] | 'all';

export interface ReplayOptions {
  /** Dead letters that are replayed in a second, at most. @default 100 */
  readonly perSecond?: number;
}

/** What a replay did. */
export interface ReplayReport {
  /** Back in the log, for this group alone, with their ids of before. */
  readonly replayed: number;
  /** Still among the dead letters: they do not fit the contract as it is today. */
  readonly refused: readonly { readonly id: string; readonly issues: readonly ErrorIssue[] }[];
  /** Ids that are not among the dead letters. */
  readonly missing: readonly string[];
}

/** The dead letters of one group. */
export interface DeadLetters {
  /** The oldest first. @param options `after`: an id from an earlier list; `limit`: at most so many, 100 by default */
  list(options?: { readonly after?: string; readonly limit?: number }): Promise<readonly ShownDeadLetter[]>;
  /** One of them; `undefined` when it is not there. */
  show(id: string): Promise<ShownDeadLetter | undefined>;
  /**
   * Gives them to the group again, and to no other: they get new attempts, and new places at the end of the log. Each is validated
   * against the contract first, when the inspection was asked for by one.
   * @throws BelfryError `OPTION_INVALID`
   */
  replay(which: WhichDeadLetters, options?: ReplayOptions): Promise<ReplayReport>;
  /** Deletes them for good. Returns how many there were. */
  purge(which: WhichDeadLetters): Promise<number>;
}

/** Looks into the log of one durable event. Made by `bus.inspect`. All of it rejects with `TRANSPORT_UNAVAILABLE` while Redis is away. */
export interface Inspection {
  /** Namespace and name, as the broker knows the log. */
  readonly channel: string;
  /** How each group stands, by name. */
  groups(): Promise<readonly GroupState[]>;
  deadLetters(group: string): DeadLetters;
  /**
   * Removes a group that nobody works for any more, with what waits for it and its dead letters. False: there is no such group.
   * @throws BelfryError `GROUP_BUSY`: it has members
   */
  removeGroup(group: string): Promise<boolean>;
}

/** Dead letters are read so many at a time. */
const PAGE = 100;

export function inspect(
  durable: Durability,
  channel: string,
  contract: EventContract | undefined,
  clock: Clock,
): Inspection {
  return {
    channel,
    async groups() {
      const states = await durable.tend(channel, undefined);
      return [...states].sort((a, b) => (a.group < b.group ? -1 : 1));
    },
    deadLetters: (group) => new GroupDeadLetters(durable, channel, group, contract, clock),
    async removeGroup(group) {
      const result = await durable.removeGroup(channel, group);
      if (typeof result !== 'number') return result === 'removed';
      throw new BelfryError('GROUP_BUSY', {
        message: `the group ${group} of ${channel} has ${result} ${result === 1 ? 'member' : 'members'}, and stays.`,
        hint: 'Stop the services that work for it first.',
      });
    },
  };
}

class GroupDeadLetters implements DeadLetters {
  readonly #durable: Durability;
  readonly #channel: string;
  readonly #group: string;
  readonly #contract: EventContract | undefined;
  readonly #clock: Clock;

  constructor(durable: Durability, channel: string, group: string, contract: EventContract | undefined, clock: Clock) {
    this.#durable = durable;
    this.#channel = channel;
    this.#group = group;
    this.#contract = contract;
    this.#clock = clock;
  }

  async list({ after, limit = PAGE }: { after?: string; limit?: number } = {}): Promise<readonly ShownDeadLetter[]> {
    if (!Number.isSafeInteger(limit) || limit < 1) throw wrong('limit must be a whole number from 1');
    return (await this.#durable.deadLetters(this.#channel, this.#group, after, limit)).map(toShown);
  }

  async show(id: string): Promise<ShownDeadLetter | undefined> {
    const letter = await this.#durable.deadLetter(this.#channel, this.#group, id);
    return letter === undefined ? undefined : toShown(letter);
  }

  async replay(which: WhichDeadLetters, { perSecond = 100 }: ReplayOptions = {}): Promise<ReplayReport> {
    if (!(Number.isFinite(perSecond) && perSecond > 0)) throw wrong('perSecond must be a number above 0');
    const refused: { id: string; issues: readonly ErrorIssue[] }[] = [];
    const missing: string[] = [];
    let replayed = 0;
    // A tenth of a second's worth at a time; the pause comes before each but the first.
    const batch = Math.max(1, Math.floor(perSecond / 10));
    let due: string[] = [];
    const flush = async (): Promise<void> => {
      if (due.length === 0) return;
      if (replayed > 0) await sleep(this.#clock, (1000 * due.length) / perSecond);
      replayed += await this.#durable.replay(this.#channel, this.#group, due);
      due = [];
    };
    for await (const letter of this.#letters(which)) {
      if (typeof letter === 'string') {
        missing.push(letter);
        continue;
      }
      const issues = await this.#issuesOf(letter);
      if (issues.length > 0) refused.push({ id: letter.id, issues });
      else if (due.push(letter.id) >= batch) await flush();
    }
    await flush();
    return { replayed, refused, missing };
  }

  purge(which: WhichDeadLetters): Promise<number> {
    const ids = which === 'all' ? undefined : typeof which === 'string' ? [which] : which;
    return this.#durable.purge(this.#channel, this.#group, ids);
  }

  /** A text stands for one that is not there. With 'all', those that are there when it begins. */
  async *#letters(which: WhichDeadLetters): AsyncGenerator<DeadLetter | string> {
    const [durable, channel, group] = [this.#durable, this.#channel, this.#group];
    if (which !== 'all') {
      for (const id of typeof which === 'string' ? [which] : which)
        yield (await durable.deadLetter(channel, group, id)) ?? id;
      return;
    }
    const states = await durable.tend(channel, undefined);
    let left = states.find((state) => state.group === group)?.deadLetters ?? 0;
    for (let after: string | undefined; left > 0; ) {
      const page = await durable.deadLetters(channel, group, after, Math.min(PAGE, left));
      yield* page;
      after = page.at(-1)?.id;
      left = after === undefined ? 0 : left - page.length;
    }
  }

  async #issuesOf({ body }: DeadLetter): Promise<readonly ErrorIssue[]> {
    if (this.#contract === undefined) return [];
    const opened = openEnvelope(body, this.#contract);
    if (opened.reason !== undefined) return [{ message: opened.message }];
    const validation = await validate(this.#contract.schema, opened.envelope.data);
    return validation.valid ? [] : validation.issues;
  }
}

function toShown({ id, entry, reason, attempts, firstAt, at, key, body }: DeadLetter): ShownDeadLetter {
  return {
    id,
    entry,
    ...reason,
    attempts,
    firstAt: new Date(firstAt),
    lastAt: new Date(at),
    key,
    body,
    envelope: read(body),
  };
}

function read(body: string): Envelope | undefined {
  try {
    return decodeEnvelope(body);
  } catch {
    return undefined;
  }
}

const wrong = (what: string): BelfryError => new BelfryError('OPTION_INVALID', { message: `dead letters: ${what}.` });
