import { BelfryError } from '@belfry/contracts';
import { type Clock, type Logger, settlesWithin, type Timer } from '@belfry/core';
import type { Redis } from 'ioredis';
import { ENDED_EARLY, explained, saysNothing } from './connection-failure.js';
import { causeOf, isRefusal, isReplica, unavailable } from './failure.js';
import { askWhetherPrimary } from './primary.js';
import { isNode } from './scripts.js';
import { farewellOf } from './farewell.js';
import { Waiters } from './waiters.js';

export interface ConnectionOptions {
  /** For logs: `commands` or `subscriber`. */
  readonly role: string;
  /** For logs: where. */
  readonly address: string;
  /** Makes an ioredis client that connects once and never again by itself. */
  readonly create: () => Redis;
  /** What has to be done on each new connection before anybody may use it. */
  readonly prepare: (client: Redis) => Promise<void>;
  /** It is prepared: from now on `client` is there. */
  readonly onUp?: () => void;
  /** It is gone: everything that was in flight on it has been or will be rejected by ioredis. Not called when it was closed. */
  readonly onDown?: (reason: string | undefined) => void;
  /** It was prepared, and is being left because the server has become a replica. */
  readonly onReplica?: (reason: string) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1000;
const IS_REPLICA = 'the server there is a replica: what is sent to it reaches nobody else';
/** For so long a connection may answer nothing while it is set up. */
const SETUP_SILENCE = 3000;

/**
 * One connection that comes back for ever. Each life is an ioredis client of its own, with reconnecting, offline queue and resending
 * turned off: when a life ends, ioredis rejects whatever was unanswered, nothing is sent twice, and no half-dead state is left over
 * (ioredis's own reconnecting leaves promises unsettled, or resends: https://github.com/redis/ioredis#auto-reconnect).
 */
export class Connection {
  readonly #options: ConnectionOptions;
  #life: Redis | undefined;
  #client: Redis | undefined;
  /** The life that is being ended. */
  #dropped: Redis | undefined;
  #lastError: unknown;
  #attempts = 0;
  #retry: Timer | undefined;
  #closed = false;
  #downSince: number | undefined;
  #wasUp = false;
  /** How Redis knows the last life. */
  #former: Identity | undefined;
  readonly #waiters: Waiters;
  #activity = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#waiters = new Waiters(options.clock);
  }

  /** The client, while it is connected and prepared. */
  get client(): Redis | undefined {
    return this.#client === this.#dropped ? undefined : this.#client;
  }

  /** It is wanted, and not there. */
  get isAway(): boolean {
    return this.#client === undefined && (this.#life !== undefined || this.#retry !== undefined) && !this.#closed;
  }

  /** Goes up with whatever comes from Redis. */
  get activity(): number {
    return this.#activity;
  }

  /** Why there is no connection, as far as it is known. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Begins to connect, if that has not been done. */
  open(): void {
    if (this.#life === undefined && this.#retry === undefined && !this.#closed) this.#connect();
  }

  /** Redis is there, as somebody else knows: if this connection is to be tried again, then now. */
  hurry(): void {
    if (this.#retry === undefined) return;
    this.#retry.cancel();
    this.#connect();
  }

  /** The client as soon as it is there, or `undefined` when `milliseconds` are over or the connection is closed. */
  async up(milliseconds: number): Promise<Redis | undefined> {
    this.open();
    if (this.client === undefined && !this.#closed) await this.#waiters.wait(milliseconds);
    return this.client;
  }

  /**
   * Does work that may be done again without harm, over as many connections as it takes.
   * @throws BelfryError `TRANSPORT_UNAVAILABLE` when `milliseconds` are over; else what Redis answered when it refused
   */
  async insist<T>(what: string, milliseconds: number, work: (client: Redis) => Promise<T>): Promise<T> {
    const { clock, address } = this.#options;
    const until = clock.now() + milliseconds;
    for (;;) {
      const client = await this.up(until - clock.now());
      const done = client && work(client);
      if (done === undefined || !(await settlesWithin(clock, until - clock.now(), done))) {
        throw unavailable(what, address, milliseconds, this.#lastError);
      }
      try {
        return await done;
      } catch (error) {
        if ((isRefusal(error) && !isReplica(error)) || error instanceof BelfryError) throw error;
        // The connection broke before Redis answered: it takes a turn to notice, then the next one is asked.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /** Ends this life, because it does not answer; the next one begins at once. */
  drop(reason: string): void {
    if (this.#life === undefined || this.#life === this.#dropped) return;
    this.#dropped = this.#life;
    this.#lastError = new Error(reason);
    this.#life.disconnect();
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#waiters.wake();
    const life = this.#life;
    if (life === undefined) return;
    const ended = new Promise<void>((resolve) => life.once('end', resolve));
    life.disconnect();
    await ended;
  }

  #connect(): void {
    this.#retry = undefined;
    const life = this.#options.create();
    this.#life = life;
    life.on('error', (error: Error) => {
      if (!saysNothing(error)) this.#lastError = explained(error, life);
    });
    life.once('end', () => this.#ended(life));
    life.options.reconnectOnError = (error) => this.#isOver(life, error); // ioredis asks after every refusal
    this.#setUp(life).catch((error: unknown) => {
      if (!saysNothing(error)) this.#lastError ??= error;
      this.#lastError ??= new Error(ENDED_EARLY);
      if (life.status !== 'end') life.disconnect();
    });
  }

  async #setUp(life: Redis): Promise<void> {
    await this.#answer(life.connect()); // resolves when ioredis is ready, not when the socket is connected
    life.stream.on('data', () => void this.#activity++);
    const { db = 0 } = life.options;
    if (db !== 0) await this.#answer(life.select(db)); // ioredis has done so, but would go on in database 0 when Redis refuses
    await this.#answer(Promise.all([this.#succeed(life), askWhetherPrimary(life)]));
    await this.#answer(this.#options.prepare(life)); // afterwards: on a replica one would hear what others hear elsewhere
    if (life !== this.#life || this.#closed) return;
    this.#client = life;
    this.#attempts = 0;
    this.#wasUp = true;
    this.#lastError = undefined;
    this.#reportBack();
    this.#options.onUp?.();
    this.#waiters.wake();
  }

  /** One step after the other: a connection that is only slow must not be given up, nor come up after it was. */
  async #answer(step: Promise<unknown>): Promise<void> {
    if (!(await settlesWithin(this.#options.clock, SETUP_SILENCE, step))) {
      const isShakingHands = this.#life?.status === 'connecting' && this.#life.options.tls !== undefined;
      const what = isShakingHands ? 'it did not answer in TLS' : 'Redis did not answer';
      this.#lastError = new Error(`${what} within ${SETUP_SILENCE} ms`);
      throw this.#lastError;
    }
    await step;
  }

  /**
   * Ends what Redis may still take for alive of the last life, before anything else is done: a half-open connection receives as long as Redis has
   * not noticed (by tcp-keepalive, 300 s), so everybody would count twice who listens again.
   */
  async #succeed(life: Redis): Promise<void> {
    const former = this.#former;
    // Both: after a restart of Redis somebody else may have the number.
    if (former !== undefined) life.call('CLIENT', 'KILL', 'ID', former.id, 'ADDR', former.address).catch(() => {});
    this.#former = await life.client('INFO').then(identityIn, () => undefined); // without the right to ask, it has to notice by itself
  }

  /**
   * A server that has become a replica goes on to take what writes nothing, and Pub/Sub there reaches only who is connected there. So whoever notices
   * leaves it. Nobody reconnects by ioredis.
   */
  #isOver(life: Redis, error: Error): false {
    if (life === this.#life && life !== this.#dropped && isReplica(error) && !isNode(life)) {
      const wasUp = life === this.#client;
      this.drop(IS_REPLICA);
      if (wasUp) this.#options.onReplica?.(IS_REPLICA); // else it has only been led to a wrong one, others need not be
    }
    return false;
  }

  #ended(life: Redis): void {
    if (life !== this.#life) return;
    this.#life = undefined;
    const wasUp = this.#client !== undefined;
    this.#client = undefined;
    if (this.#closed) return;
    const words = farewellOf(life);
    if (words !== undefined) this.#lastError = new Error(words);
    if (wasUp) this.#options.onDown?.(causeOf(this.#lastError)?.message);
    this.#reportLoss();
    const pause = Math.min(FIRST_PAUSE * 2 ** this.#attempts++, LONGEST_PAUSE) * (0.75 + Math.random() / 2);
    this.#retry = this.#options.clock.after(pause, () => this.#connect());
  }

  // One line per outage, and one when it is over.
  #reportLoss(): void {
    if (this.#downSince !== undefined) return;
    this.#downSince = this.#options.clock.now();
    this.#options.logger.warn(
      { connection: this.#options.role, address: this.#options.address, reason: causeOf(this.#lastError)?.message },
      this.#wasUp ? 'Redis is away; trying again until it is back.' : 'Redis is not to be reached; trying again.',
    );
  }

  #reportBack(): void {
    if (this.#downSince === undefined) return;
    const outageMs = this.#options.clock.now() - this.#downSince;
    this.#downSince = undefined;
    this.#options.logger.info(
      { connection: this.#options.role, address: this.#options.address, outageMs },
      'Redis is back.',
    );
  }
}

interface Identity {
  readonly id: string;
  readonly address: string;
}

function identityIn(info: unknown): Identity | undefined {
  const [, id, address] = /^id=(\d+) addr=(\S+)/.exec(String(info)) ?? [];
  return id === undefined || address === undefined ? undefined : { id, address };
}
