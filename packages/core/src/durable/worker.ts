import { BelfryError } from '@belfry/contracts';
import type { Clock, Timer } from '../clock.js';
import { Fifo } from '../fifo.js';
import type { Slots } from '../slots.js';
import type { Durability, WorkRequest } from './durability.js';
import { claimLost, commitRefused } from './claim-errors.js';
import type { DeliveryName, Settlement, Work } from './delivery.js';
import { type Commit, type Held, HeldDelivery } from './held.js';
import type { News, Outcome } from './outcome.js';
import { Pace } from './pace.js';

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
/** When all slots are taken, and no handler has come to its end for so long, what was read ahead is given back. */
const STALL_MS = 100;
/** After a call that failed. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2000;
/** So many settlements travel in one call. */
const MOST_SETTLEMENTS = 1000;

/**
 * One instance's share of the work of a group on one log: it takes deliveries, runs them, and settles them, with one call to the broker for
 * both, of which one is under way at a time. A doorbell wakes it; what was due, what others left, and lost doorbells it finds by the clock.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #hands = new Map<number, HeldDelivery>();
  readonly #ready = new Fifo<HeldDelivery>();
  #settlements: Settling[] = [];
  #asking = false;
  #askAgain = false;
  #scheduled = false;
  #alarm: Timer | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;
  #stopped = false;
  #failures = 0;
  #running = 0;
  #isFilling = false;
  /** Nobody rings here: when it asked last, it got all that it had room for. */
  #isUnheard = false;
  #term = 0;
  /** Terms in whose name something may be held, although this worker does not know of it. */
  #former: string[] = [];
  /** When the connection had last come back, as of the last call, and as of the last answer to this term; absent: there was none. */
  #calledAt: number | undefined;
  #answeredAt: number | undefined;
  #epoch: string | undefined;
  #count = 0;
  readonly #pace = new Pace();
  /** How many attempts have come to their end. */
  #finishedCount = 0;
  #stallWatch: Timer | undefined;
  readonly #waiters: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
    options.slots.onFree(this.#fill);
  }

  /** Deliveries that wait for a slot. */
  get queued(): number {
    return this.#ready.length;
  }

  /** Deliveries whose handler runs. */
  get inFlight(): number {
    return this.#running;
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
    this.#stallWatch?.cancel();
    const released = this.#giveBack();
    this.#ask(); // also when it gives nothing back: somebody else is told that it leaves, and hears what rang here meanwhile
    return released;
  }

  /** Gives back whatever it still has in its hands, and tells the handlers. Returns how many that were. */
  abandon(reason: unknown): number {
    this.stop();
    this.#ready.clear();
    const held = [...this.#hands.values()];
    for (const each of held) {
      each.abort(reason);
      this.#release(each);
    }
    this.#ask();
    return held.length;
  }

  /** Resolves once no handler runs and everything is settled; only after `stop`. */
  async idle(): Promise<void> {
    while (!(this.#isQuiet && this.#running === 0)) await this.#calm();
  }

  /** Resolves once the broker has heard of everything that was settled so far. */
  async settled(): Promise<void> {
    while (!this.#isQuiet) await this.#calm();
  }

  /** Ends the last of its waits: the broker is going away. */
  close(): void {
    this.#stopped = true;
    this.#alarm?.cancel();
    this.#stallWatch?.cancel();
    this.#settleAll(
      new BelfryError('BUS_CLOSED', { message: `the bus is closed, and ${this.#subject} was not acknowledged.` }),
    );
  }

  get #isQuiet(): boolean {
    return this.#settlements.length === 0 && !this.#asking && !this.#scheduled;
  }

  #calm(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  get #subject(): string {
    return `${this.#options.channel}, group ${this.#options.group}`;
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
      this.#askAgain = false;
      const settling = this.#settlements.splice(0, MOST_SETTLEMENTS);
      if (this.#settlements.length > 0) this.#askAgain = true;
      const request = this.#requestFor(settling);
      try {
        const work = await this.#options.durable.work(request);
        this.#failures = 0;
        this.#received(work, settling, request);
      } catch (error) {
        await this.#failed(error, settling);
      }
    } while (this.#askAgain && !this.#mayRest);
    this.#asking = false;
    this.#setAlarm();
    this.#wake();
  }

  /** After the end there is nobody for whom it would have to go on, unless something is held in its name. */
  get #mayRest(): boolean {
    const isDone = this.#settlements.length === 0 && this.#hands.size === 0 && this.#former.length === 0;
    return this.#stopped && isDone && this.#failures > 0;
  }

  #requestFor(settling: readonly Settling[]): WorkRequest {
    const { channel, group, instance, claimTimeout, once } = this.#options;
    this.#calledAt = this.#options.resumedAt?.();
    // A broker that was away may be back as it was earlier, with things in the name of this term that are long settled.
    if (this.#answeredAt !== undefined && this.#answeredAt !== this.#calledAt) this.#endTerm();
    // Also what is settled only by the next call is still its own.
    const settled = [...settling, ...this.#settlements];
    return {
      channel,
      group,
      instance,
      holder: this.#holder,
      // What a commit settles is still in its hands.
      holding: this.#hands.size + settled.filter(({ token }) => !this.#hands.has(token)).length,
      settlements: settling.map(({ settlement }) => settlement),
      room: this.#room,
      claimTimeout,
      once,
      former: this.#former.length === 0 ? undefined : { holders: this.#former, known: this.#known(settled) },
    };
  }

  /** What it has of deliveries, of which the broker has not heard that they are settled. */
  #known(settled: readonly Settling[]): DeliveryName[] {
    const known = [...this.#hands.values(), ...settled.map(({ settlement }) => settlement)];
    return known.map(({ id, token }) => ({ id, token }));
  }

  #endTerm(): void {
    this.#former = [...this.#former, this.#holder];
    this.#term++;
    this.#answeredAt = undefined;
  }

  /** The broker has answered, with a no: nothing will be given late. What was done before the no it is asked with the next call. */
  #doubtTerm(): void {
    if (!this.#former.includes(this.#holder)) this.#former = [...this.#former, this.#holder];
  }

  get #holder(): string {
    return `${this.#options.instance}.${this.#term}`;
  }

  get #room(): number {
    if (this.#stopped) return 0;
    const { slots } = this.#options;
    return Math.max(0, slots.free + this.#pace.ahead(slots.limit) - this.#ready.length);
  }

  #received(work: Work, settling: readonly Settling[], { former, room }: WorkRequest): void {
    this.#answeredAt = this.#calledAt;
    if (this.#isAnotherLog(work.epoch)) this.#orphan(settling);
    else if (work.count < this.#count) this.#options.tell({ what: 'rewound', count: this.#count - work.count });
    this.#epoch = work.epoch;
    this.#count = work.count;
    this.#former = this.#former.filter((holder) => !former?.holders.includes(holder));
    for (const each of settling) this.#answered(each, work);
    if (work.lapsed) this.#lapse([...this.#hands.values()]);
    else if (former !== undefined)
      this.#lapse([...this.#hands.values()].filter(({ token }) => !work.kept.includes(token)));
    this.#tellOf(work);
    for (const delivery of work.deliveries) {
      const held = new HeldDelivery(delivery, this.#commit);
      this.#pace.took(delivery.body.length);
      this.#hands.set(held.token, held);
      if (this.#stopped) this.#release(held);
      else this.#ready.push(held);
    }
    // What is due already it asks for when it has room, and not before: others are told meanwhile.
    this.#dueIn(work.more ? undefined : work.dueIn);
    // When there is more although it would take it, the broker does not do everything in one call.
    this.#isUnheard = work.more || work.deliveries.length >= room;
    this.#fill();
  }

  /** What is in its hands is the last that is left of the log: it is handled all the same, and there is nothing to acknowledge. */
  #orphan(settling: readonly Settling[]): void {
    for (const held of this.#hands.values()) held.orphaned = true;
    for (const each of settling) each.again = true;
    this.#hands.clear();
    this.#options.tell({ what: 'emptied' });
  }

  #isAnotherLog(epoch: string): boolean {
    return this.#epoch !== undefined && this.#epoch !== '' && epoch !== this.#epoch;
  }

  #answered({ settlement, token, held, again, resolve, reject }: Settling, { refused, failed }: Work): void {
    held.isCommitting = false;
    const trouble = failed.find((each) => each.token === token);
    if (trouble !== undefined) {
      reject?.(commitRefused(this.#subject, trouble.message)); // it is still in its hands, and the handler says what is to become of it
      if (held.afterwards !== undefined) this.#settle(held, held.afterwards);
      return;
    }
    this.#letGo(held);
    if (!refused.includes(token)) resolve?.();
    else if (reject !== undefined) {
      if (!held.orphaned) this.#lapse([held]); // its handler is told by the signal, too, and the owner
      reject(claimLost(this.#subject));
    } else if (settlement.outcome !== 'release' && !again) this.#options.tell({ what: 'refused', held });
  }

  /** Others have these by now. */
  #lapse(gone: readonly HeldDelivery[]): void {
    if (gone.length === 0) return;
    for (const held of gone) {
      this.#letGo(held);
      held.abort(claimLost(this.#subject));
    }
    this.#options.tell({ what: 'lapsed', count: gone.length });
  }

  #tellOf({ lost, repeated }: Work): void {
    const { tell } = this.#options;
    if (lost > 0) tell({ what: 'lost', count: lost });
    if (repeated > 0) tell({ what: 'repeated', count: repeated });
  }

  /** Whether the broker did it is not known: what it may have given is in the hands of a term that ends here. */
  async #failed(error: unknown, settling: readonly Settling[]): Promise<void> {
    if (isRefused(error)) this.#doubtTerm();
    else if (!isUnsent(error)) this.#endTerm();
    if (!isUnsent(error)) for (const each of settling) each.again = true;
    this.#settlements = [...settling, ...this.#settlements];
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

  readonly #fill = (): void => {
    if (this.#isFilling) return; // a handler that was done at once comes by here
    this.#isFilling = true;
    while (this.#options.slots.free > 0) {
      const held = this.#ready.shift();
      if (held === undefined) break;
      if (this.#hands.has(held.token) || held.orphaned) this.#start(held); // else others have it by now
    }
    this.#isFilling = false;
    if (this.#stallWatch === undefined) this.#watchForStall();
    if (this.#isUnheard && this.#room > 0) this.#askSoon();
  };

  #start(held: HeldDelivery): void {
    const { slots, run } = this.#options;
    slots.take();
    this.#running++;
    const began = performance.now();
    const outcome = run(held);
    if (outcome instanceof Promise) void outcome.then((done) => this.#finished(held, done, began));
    else this.#finished(held, outcome, began);
  }

  #finished(held: HeldDelivery, outcome: Outcome, began: number): void {
    this.#pace.handled(performance.now() - began);
    this.#finishedCount++;
    this.#running--;
    if (this.#hands.has(held.token)) {
      this.#letGo(held);
      this.#settle(held, { id: held.id, token: held.token, ...outcome });
    }
    this.#options.slots.give(this.#fill);
    this.#fill();
    this.#wake();
  }

  readonly #commit: Commit = (held, commands, once) => {
    if (!this.#hands.has(held.token)) return Promise.reject(claimLost(this.#subject));
    if (held.isCommitting) return Promise.reject(commitRefused(this.#subject, 'another one of the same is under way.'));
    const { id, token } = held;
    return new Promise((resolve, reject) => {
      this.#settle(held, { id, token, outcome: 'done', commands, once }, resolve, reject);
      held.isCommitting = true;
    });
  };

  /** What was read ahead must not wait for handlers that take longer than those before them, while other instances are idle. */
  #watchForStall(): void {
    const { slots, clock } = this.#options;
    if (this.#stopped || slots.free > 0 || (this.#ready.length === 0 && this.#pace.ahead(slots.limit) === 0)) return;
    const before = this.#finishedCount;
    const look = () => {
      this.#stallWatch = undefined;
      if (this.#finishedCount !== before) return this.#watchForStall();
      if (slots.free > 0) return;
      const wasAhead = this.#pace.ahead(slots.limit) > 0;
      this.#pace.stalled();
      if (this.#giveBack() > 0 || wasAhead) this.#ask(); // no doorbell is to ring here until there is room again
    };
    this.#stallWatch = clock.after(STALL_MS, look, 'background');
  }

  /** Gives back what has not begun. Returns how many that were. */
  #giveBack(): number {
    let released = 0;
    for (let left = this.#ready.length; left > 0; left--) {
      const held = this.#ready.shift() as HeldDelivery;
      if (this.#hands.has(held.token)) {
        this.#release(held);
        released++;
      } else if (held.orphaned) this.#ready.push(held); // nobody else could have it
    }
    return released;
  }

  #release(held: HeldDelivery): void {
    this.#letGo(held);
    this.#settle(held, { id: held.id, token: held.token, outcome: 'release' });
  }

  #letGo(held: HeldDelivery): void {
    this.#hands.delete(held.token);
  }

  #settle(held: HeldDelivery, settlement: Settlement, resolve?: () => void, reject?: (error: Error) => void): void {
    if (held.isCommitting) {
      held.afterwards ??= settlement;
      return;
    }
    this.#settlements.push({ settlement, token: held.token, held, again: false, resolve, reject });
    this.#askSoon();
  }

  #settleAll(error: BelfryError): void {
    for (const { reject } of this.#settlements.splice(0)) reject?.(error);
    this.#hands.clear();
    this.#ready.clear();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

/** A settlement on its way. */
interface Settling {
  readonly settlement: Settlement;
  readonly token: number;
  readonly held: HeldDelivery;
  /** It was sent before, and the answer was lost: it may have been accepted then. */
  again: boolean;
  readonly resolve: (() => void) | undefined;
  readonly reject: ((error: Error) => void) | undefined;
}

const isUnsent = (error: unknown): boolean => BelfryError.is(error) && error.code === 'TRANSPORT_UNAVAILABLE';
const isRefused = (error: unknown): boolean =>
  BelfryError.is(error) && (error.code === 'PUBLISH_REFUSED' || error.code === 'STORAGE_FULL');
