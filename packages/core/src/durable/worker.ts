import { BelfryError } from '@belfry/contracts';
import type { Clock, Timer } from '../clock.js';
import type { Slots } from '../slots.js';
import type { Durability, WorkRequest } from './durability.js';
import type { Work } from './delivery.js';
import { Hands } from './hands.js';
import type { Held } from './held.js';
import { KnownLog } from './known-log.js';
import type { News, Outcome } from './outcome.js';
import { ReadyQueue } from './ready-queue.js';
import { Terms } from './terms.js';

export interface WorkerOptions {
  readonly durable: Durability;
  readonly channel: string;
  readonly group: string;
  readonly instance: string;
  readonly slots: Slots;
  /** In milliseconds. */
  readonly claimTimeout: number;
  readonly once: boolean;
  /** Handles one delivery. Never throws or rejects. */
  readonly run: (held: Held) => Outcome | Promise<Outcome>;
  /** When the connection to the broker last came back; absent: it does not break. */
  readonly resumedAt?: () => number;
  /** Something that its owner should know: at most one call for each occasion. */
  readonly tell: (news: News) => void;
  readonly clock: Clock;
}

// The real one, whatever a test puts in its place afterwards: this is about the event loop, not about time.
const { setImmediate } = globalThis;

/** An idle worker looks by itself after so long: a doorbell may have been lost with a connection. */
const POLL_MS = 5000;
/** After a call that failed. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;

/**
 * One instance's share of the work of a group on one log: it takes deliveries, runs them, and settles them, with one call to the broker for
 * both, of which one is under way at a time. A doorbell wakes it; what was due, what others left, and lost doorbells it finds by the clock.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #terms: Terms;
  readonly #log = new KnownLog();
  readonly #hands: Hands;
  readonly #queue: ReadyQueue;
  #asking = false;
  #askAgain = false;
  #scheduled = false;
  #alarm: Timer | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;
  #stopped = false;
  #failures = 0;
  /** Nobody rings here: when it asked last, it got all that it had room for. */
  #isUnheard = false;
  readonly #waiters: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { channel, group, instance, resumedAt, slots, run, tell, clock } = options;
    this.#terms = new Terms(instance, resumedAt);
    const subject = `${channel}, group ${group}`;
    this.#hands = new Hands({ subject, onSettle: () => this.#askSoon(), tell });
    const onMove = () => this.#moved();
    const onStall = () => this.#ask(); // no doorbell is to ring here until there is room again
    this.#queue = new ReadyQueue({ hands: this.#hands, slots, run, onMove, onStall, clock });
  }

  /** Deliveries that wait for a slot. */
  get queued(): number {
    return this.#queue.queued;
  }

  /** Deliveries whose handler runs. */
  get inFlight(): number {
    return this.#queue.inFlight;
  }

  /** Begins to take. */
  start(): void {
    this.#ask();
  }

  /** There may be something to take. */
  readonly ring = (): void => {
    this.#ask();
  };

  /** Takes no more, and gives back at once what has not begun. Returns how many that were. */
  stop(): number {
    if (this.#stopped) return 0;
    this.#stopped = true;
    const released = this.#queue.stop();
    this.#ask(); // also when it gives nothing back: somebody else is told that it leaves, and hears what rang here meanwhile
    return released;
  }

  /** Gives back whatever it still has in its hands, and tells the handlers. Returns how many that were. */
  abandon(reason: unknown): number {
    this.stop();
    this.#queue.close();
    const abandoned = this.#hands.abandon(reason);
    this.#ask();
    return abandoned;
  }

  /** Resolves once no handler runs and everything is settled; only after `stop`. */
  async idle(): Promise<void> {
    while (!(this.#isQuiet && this.inFlight === 0)) await this.#calm();
  }

  /** Resolves once the broker has heard of everything that was settled so far. */
  async settled(): Promise<void> {
    while (!this.#isQuiet) await this.#calm();
  }

  /** Ends the last of its waits: the broker is going away. */
  close(): void {
    this.#stopped = true;
    this.#alarm?.cancel();
    this.#queue.close();
    this.#hands.close();
    this.#wake();
  }

  get #isQuiet(): boolean {
    return this.#hands.unsent === 0 && !this.#asking && !this.#scheduled;
  }

  #calm(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #moved(): void {
    if (this.#isUnheard && this.#queue.room > 0) this.#askSoon();
    this.#wake();
  }

  #ask(): void {
    if (this.#asking) this.#askAgain = true;
    else void this.#askUntilQuiet();
  }

  /** Everything that one turn of the event loop settles goes together. */
  #askSoon(): void {
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#ask();
    });
  }

  async #askUntilQuiet(): Promise<void> {
    this.#asking = true;
    this.#alarm?.cancel();
    do {
      const request = this.#nextRequest();
      this.#askAgain = this.#hands.unsent > 0;
      try {
        const work = await this.#options.durable.work(request);
        this.#failures = 0;
        this.#received(work, request);
      } catch (error) {
        await this.#failed(error);
      }
    } while (this.#askAgain && !this.#mayRest);
    this.#asking = false;
    this.#setAlarm();
    this.#wake();
  }

  /** After the end there is nobody for whom it would have to go on, unless something is held in its name. */
  get #mayRest(): boolean {
    const isDone = this.#hands.unsent === 0 && this.#hands.size === 0 && this.#terms.former.length === 0;
    return this.#stopped && isDone && this.#failures > 0;
  }

  #nextRequest(): WorkRequest {
    const { channel, group, instance, claimTimeout, once } = this.#options;
    this.#terms.calling();
    const { holder, former } = this.#terms;
    const settlements = this.#hands.send();
    const { holding } = this.#hands;
    return {
      channel,
      group,
      instance,
      holder,
      holding,
      settlements,
      room: this.#queue.room,
      claimTimeout,
      once,
      former: former.length === 0 ? undefined : { holders: former, known: this.#hands.known },
    };
  }

  #received(work: Work, { former, room }: WorkRequest): void {
    const { tell } = this.#options;
    this.#terms.answered(former?.holders);
    const change = this.#log.meet(work);
    if (change?.what === 'emptied') this.#hands.orphan();
    if (change !== undefined) tell(change);
    this.#hands.answered(work, former !== undefined);
    if (work.lost > 0) tell({ what: 'lost', count: work.lost });
    if (work.repeated > 0) tell({ what: 'repeated', count: work.repeated });
    for (const delivery of work.deliveries) {
      const held = this.#hands.take(delivery);
      if (this.#stopped) this.#hands.release(held);
      else this.#queue.add(held);
    }
    // What is due already it asks for when it has room, and not before: others are told meanwhile.
    this.#dueIn(work.more ? undefined : work.dueIn);
    // When there is more although it would take it, the broker does not do everything in one call.
    this.#isUnheard = work.more || work.deliveries.length >= room;
    this.#queue.fill();
  }

  /** Whether the broker did it is not known: what it may have given is in the hands of a term that ends here. */
  async #failed(error: unknown): Promise<void> {
    if (isRefused(error)) this.#terms.doubt();
    else if (!isUnsent(error)) this.#terms.end();
    this.#hands.unanswered(!isUnsent(error));
    if (this.#failures++ === 0) this.#options.tell({ what: 'unavailable', error });
    this.#askAgain = true;
    if (this.#stopped && this.#isClosed(error)) {
      this.#askAgain = false;
      return;
    }
    const pause = Math.min(FIRST_PAUSE * 2 ** Math.min(this.#failures, 10), LONGEST_PAUSE);
    await new Promise<void>((resolve) => this.#options.clock.after(pause, resolve, 'background'));
  }

  #isClosed(error: unknown): boolean {
    if (!BelfryError.is(error) || error.code !== 'BUS_CLOSED') return false;
    this.close();
    return true;
  }

  #dueIn(milliseconds: number | undefined): void {
    const { clock, claimTimeout } = this.#options;
    // A sign of life, and a look around.
    const poll = Math.min(POLL_MS, claimTimeout / 3);
    this.#alarmAt = clock.now() + Math.min(poll, milliseconds ?? poll);
  }

  #setAlarm(): void {
    if (this.#stopped && this.#hands.size === 0) return;
    const { clock } = this.#options;
    this.#alarm?.cancel();
    const pause = Math.max(1, Math.ceil(this.#alarmAt - clock.now()));
    this.#alarm = clock.after(pause, () => this.#ask(), 'background');
  }
}

const isUnsent = (error: unknown): boolean => BelfryError.is(error) && error.code === 'TRANSPORT_UNAVAILABLE';
const isRefused = (error: unknown): boolean =>
  BelfryError.is(error) && (error.code === 'PUBLISH_REFUSED' || error.code === 'STORAGE_FULL');
