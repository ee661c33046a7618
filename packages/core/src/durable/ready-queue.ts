import type { Clock, Timer } from '../clock.js';
import { Fifo } from '../fifo.js';
import type { Slots } from '../slots.js';
import type { Hands } from './hands.js';
import type { Held, HeldDelivery } from './held.js';
import type { Outcome } from './outcome.js';
import { Pace } from './pace.js';

export interface ReadyQueueOptions {
  readonly hands: Hands;
  readonly slots: Slots;
  /** Handles one delivery. Never throws or rejects. */
  readonly run: (held: Held) => Outcome | Promise<Outcome>;
  /** Told after handlers have begun, or come to their end. */
  readonly onMove: () => void;
  /** Told when handlers take so long that nothing is read ahead any more. */
  readonly onStall: () => void;
  readonly clock: Clock;
}

/** When all slots are taken, and no handler has come to its end for so long, what was read ahead is given back. */
const STALL_MS = 100;

/** Runs deliveries in their order, as many at a time as there are slots, and says how many more to have ready. */
export class ReadyQueue {
  readonly #options: ReadyQueueOptions;
  readonly #ready = new Fifo<HeldDelivery>();
  readonly #pace = new Pace();
  #running = 0;
  /** How many attempts have come to their end. */
  #finishedCount = 0;
  #isFilling = false;
  #stallWatch: Timer | undefined;
  #stopped = false;

  constructor(options: ReadyQueueOptions) {
    this.#options = options;
    options.slots.onFree(this.fill);
  }

  /** Deliveries that wait for a slot. */
  get queued(): number {
    return this.#ready.length;
  }

  /** Deliveries whose handler runs. */
  get inFlight(): number {
    return this.#running;
  }

  /** How many more it would take. */
  get room(): number {
    if (this.#stopped) return 0;
    const { slots } = this.#options;
    return Math.max(0, slots.free + this.#pace.ahead(slots.limit) - this.#ready.length);
  }

  /** Takes one, which begins with the next `fill`. */
  add(held: HeldDelivery): void {
    this.#pace.took(held.body.length);
    this.#ready.push(held);
  }

  /** Begins as many as there are slots for. */
  readonly fill = (): void => {
    if (this.#isFilling) return; // a handler that was done at once comes by here
    this.#isFilling = true;
    const { hands, slots, onMove } = this.#options;
    while (slots.free > 0) {
      const held = this.#ready.shift();
      if (held === undefined) break;
      if (hands.has(held) || held.orphaned) this.#start(held); // else others have it by now
    }
    this.#isFilling = false;
    if (this.#stallWatch === undefined) this.#watchForStall();
    onMove();
  };

  /** Has no more room, and gives back what has not begun. Returns how many that were. */
  stop(): number {
    this.#halt();
    return this.#giveBack();
  }

  /** Forgets what has not begun. */
  close(): void {
    this.#halt();
    this.#ready.clear();
  }

  #halt(): void {
    this.#stopped = true;
    this.#stallWatch?.cancel();
  }

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
    this.#options.hands.finish(held, outcome);
    this.#options.slots.give(this.fill);
    this.fill();
  }

  /** What was read ahead must not wait for handlers that take longer than those before them, while other instances are idle. */
  #watchForStall(): void {
    const { slots, clock, onStall } = this.#options;
    if (this.#stopped || slots.free > 0 || (this.#ready.length === 0 && this.#pace.ahead(slots.limit) === 0)) return;
    const before = this.#finishedCount;
    const look = () => {
      this.#stallWatch = undefined;
      if (this.#finishedCount !== before) return this.#watchForStall();
      if (slots.free > 0) return;
      const wasAhead = this.#pace.ahead(slots.limit) > 0;
      this.#pace.stalled();
      if (this.#giveBack() > 0 || wasAhead) onStall();
    };
    this.#stallWatch = clock.after(STALL_MS, look, 'background');
  }

  /** Gives back what has not begun. Returns how many that were. */
  #giveBack(): number {
    const { hands } = this.#options;
    let released = 0;
    for (let left = this.#ready.length; left > 0; left--) {
      const held = this.#ready.shift() as HeldDelivery;
      if (hands.has(held)) {
        hands.release(held);
        released++;
      } else if (held.orphaned) this.#ready.push(held); // nobody else could have it
    }
    return released;
  }
}
