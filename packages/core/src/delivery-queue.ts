import { Fifo } from './fifo.js';
import { Slots } from './slots.js';
import { TextStore } from './text-store.js';
import { turnBudget } from './turn-budget.js';

/** One message, read and ready to be handled. */
export interface Work {
  /** Messages of one lane are handled one at a time, in order. Absent: no lane. */
  readonly lane: string | undefined;
  /** Handles it. Never throws or rejects. */
  run(): void | Promise<void>;
}

/** `newest`: what arrives is dropped; `oldest`: what has waited longest makes room for it. */
export type DropPolicy = 'oldest' | 'newest';

/** @template From what is known of a message beside its text */
export interface DeliveryQueueOptions<From> {
  /** How many messages are handled at a time; or slots that are shared with others. */
  readonly concurrency: number | Slots;
  /** Messages that may wait. */
  readonly maxMessages: number;
  /** Bytes that may wait, counted as characters of the encoded messages. */
  readonly maxBytes: number;
  /** Which messages are dropped when the queue is full. @default 'newest' */
  readonly drop?: DropPolicy;
  /** Told when the queue is three quarters full, and when it is down to half of it again. */
  readonly onPressure?: (full: boolean) => void;
  /** Reads an encoded message, when its turn has come; `undefined` when it is not fit to be handled. Never throws. */
  open(body: string, from: From): Work | undefined;
}

/** Read, and waiting for its lane. */
interface Entry {
  readonly work: Work;
  readonly body: string;
}

/**
 * Holds back what a subscription cannot handle yet, within bounds: memory never grows with the backlog of a slow handler.
 * Messages are started in the order in which they came, except that one whose lane is busy waits for its lane.
 */
export class DeliveryQueue<From> {
  readonly #options: DeliveryQueueOptions<From>;
  /** What is known of the messages that wait; their texts are in the store, in the same order. */
  readonly #waiting = new Fifo<From>();
  readonly #store = new TextStore();
  readonly #slots: Slots;
  #bytes = 0;
  #running = 0;
  #parked = 0;
  #parkedBytes = 0;
  readonly #lanes = new Map<string, Fifo<Entry>>();
  readonly #idle: (() => void)[] = [];
  #isPressed = false;
  #isDeferred = false;

  constructor(options: DeliveryQueueOptions<From>) {
    this.#options = options;
    const { concurrency } = options;
    this.#slots = typeof concurrency === 'number' ? new Slots(concurrency) : concurrency;
    this.#slots.onFree(this.#fill);
  }

  /** Messages that wait. */
  get queued(): number {
    return this.#waiting.length + this.#parked;
  }

  /** Messages that are being handled. */
  get inFlight(): number {
    return this.#running;
  }

  /** Three quarters full, and since then not down to half of it. */
  get isPressed(): boolean {
    return this.#isPressed;
  }

  /** Takes a message, and starts it if there is room. Returns how many were dropped for want of room: this one, or older ones. */
  push(body: string, from: From): number {
    turnBudget.arrived();
    const dropped = this.#makeRoom(body.length);
    if (dropped !== 0) this.#press(true); // a single large one may go from little to too much
    if (dropped === undefined) return 1;
    this.#bytes += body.length;
    if (this.#waiting.length === 0 && this.#mayStart) this.#admit(body, from);
    else {
      this.#store.push(body);
      this.#waiting.push(from);
    }
    this.#fill();
    this.#look();
    return dropped;
  }

  /** Resolves once nothing waits and nothing is being handled. */
  idle(): Promise<void> {
    if (this.#running === 0 && this.queued === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Forgets what waits. Returns how many messages that were, each of which it has shown. */
  clear(show?: (body: string) => void): number {
    const cleared = this.queued;
    for (; show !== undefined && this.#waiting.length > 0; this.#waiting.shift()) show(this.#store.shift());
    this.#waiting.clear();
    for (const lane of this.#lanes.values())
      for (let next = lane.shift(); next !== undefined; next = lane.shift()) show?.(next.body);
    this.#store.clear();
    this.#bytes = this.#parked = this.#parkedBytes = 0;
    this.#press(false);
    this.#settle();
    return cleared;
  }

  /** Returns how many older ones were dropped; `undefined`: there is no room for a message of this size. */
  #makeRoom(size: number): number | undefined {
    const { maxMessages, maxBytes, drop } = this.#options;
    // What waits for its lane stays. Where that is too much already, older ones would be dropped in vain.
    const mayDrop =
      drop === 'oldest' && (this.#parked === 0 || (this.#parked < maxMessages && this.#parkedBytes + size <= maxBytes));
    for (let dropped = 0; ; dropped++) {
      // An empty queue takes any message, however large: else it could never be handled.
      if ((this.queued < maxMessages && this.#bytes + size <= maxBytes) || this.queued === 0) return dropped;
      if (!mayDrop || this.#waiting.length === 0) return undefined;
      this.#waiting.shift();
      this.#bytes -= this.#store.skip();
    }
  }

  get #mayStart(): boolean {
    return this.#slots.free > 0 && !this.#isDeferred && !turnBudget.isSpent(this.#isPressed);
  }

  #look(): void {
    const { maxMessages, maxBytes } = this.#options;
    const part = this.#isPressed ? 0.5 : 0.75;
    this.#press(this.queued > maxMessages * part || this.#bytes > maxBytes * part);
  }

  #press(isPressed: boolean): void {
    if (isPressed === this.#isPressed) return;
    this.#isPressed = isPressed;
    this.#options.onPressure?.(isPressed);
  }

  readonly #goOn = (): void => {
    this.#isDeferred = false;
    this.#fill();
  };

  readonly #fill = (): void => {
    if (this.#isDeferred) return;
    while (this.#slots.free > 0 && this.#waiting.length > 0) {
      if (turnBudget.isSpent(this.#isPressed)) {
        this.#isDeferred = true;
        turnBudget.later(this.#goOn, this.#isPressed);
        break;
      }
      this.#admit(this.#store.shift(), this.#waiting.shift() as From);
    }
    if (this.#isPressed) this.#look();
    this.#settle();
  };

  /** Reads a message, and starts it, or lets it wait for its lane. */
  #admit(body: string, from: From): void {
    const work = this.#options.open(body, from);
    if (work === undefined) {
      this.#bytes -= body.length;
      return;
    }
    const parked = work.lane === undefined ? undefined : this.#lanes.get(work.lane);
    if (parked !== undefined) {
      parked.push({ work, body });
      this.#parked++;
      this.#parkedBytes += body.length;
    } else {
      if (work.lane !== undefined) this.#lanes.set(work.lane, new Fifo());
      this.#start(work, body.length);
    }
  }

  /** Runs a message, and after it what waits for its lane: in a loop, because a handler may be done at once. */
  #start(first: Work, size: number): void {
    this.#bytes -= size;
    for (let work = first; ; ) {
      this.#running++;
      this.#slots.take();
      const began = turnBudget.begin();
      const result = work.run();
      turnBudget.spend(began);
      if (result !== undefined) {
        void result.then(() => {
          const following = this.#finish(work);
          if (following !== undefined) this.#start(following.work, following.body.length);
          this.#fill();
        });
        return;
      }
      const following = this.#finish(work);
      if (following === undefined) return;
      this.#bytes -= following.body.length;
      work = following.work;
    }
  }

  /** Frees the slot and the lane, or hands over the next message of the lane. */
  #finish({ lane }: Work): Entry | undefined {
    this.#running--;
    this.#slots.give(this.#fill);
    if (lane === undefined) return undefined;
    const following = this.#lanes.get(lane)?.shift();
    if (following === undefined) this.#lanes.delete(lane);
    else {
      this.#parked--;
      this.#parkedBytes -= following.body.length;
    }
    return following;
  }

  #settle(): void {
    if (this.#running > 0 || this.queued > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
