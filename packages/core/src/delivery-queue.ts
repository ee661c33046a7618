import { Fifo } from './fifo.js';
import { Slots } from './slots.js';
import { TextStore } from './text-store.js';
import { turnBudget } from './turn-budget.js';

/** One message, read and ready to be handled. */
export interface Work {
  /** Messages of one lane are handled one at a time, in order. Absent: no lane. */
  readonly lane: string | undefined;
  /** Handles it. Never throws or rejects. */
  readonly run: () => void | Promise<void>;
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

/** Not read yet: its text, or how many bytes it takes in the store. */
interface Waiting<From> {
  readonly text: string | undefined;
  readonly stored: number;
  readonly size: number;
  readonly from: From;
}

/** Read, and on its way to the handler. */
interface Entry {
  readonly work: Work;
  readonly size: number;
  /** Where somebody wants to see what is cleared. */
  readonly body: string;
}

/** What waits beyond so many characters goes into the store: a short queue does without. */
const SHORT_QUEUE = 65_536;

/**
 * Holds back what a subscription cannot handle yet, within bounds: memory never grows with the backlog of a slow handler.
 * Messages are started in the order in which they came, except that one whose lane is busy waits for its lane.
 */
export class DeliveryQueue<From> {
  readonly #options: DeliveryQueueOptions<From>;
  readonly #waiting = new Fifo<Waiting<From>>();
  readonly #store = new TextStore();
  readonly #slots: Slots;
  #bytes = 0;
  #running = 0;
  #parked = 0;
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
    const dropped = this.#makeRoom(body.length);
    if (dropped !== 0) this.#press(true); // a single large one may go from little to too much
    if (dropped === undefined) return 1;
    const size = body.length;
    this.#waiting.push(
      this.#isLong(size)
        ? { text: undefined, stored: this.#store.push(body), size, from }
        : { text: body, stored: 0, size, from },
    );
    this.#bytes += size;
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
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) show?.(this.#textOf(next));
    for (const lane of this.#lanes.values())
      for (let next = lane.shift(); next !== undefined; next = lane.shift()) show?.(next.body);
    this.#store.clear();
    this.#bytes = this.#parked = 0;
    this.#press(false);
    this.#settle();
    return cleared;
  }

  /** Returns how many older ones were dropped; `undefined`: there is no room for a message of this size. */
  #makeRoom(size: number): number | undefined {
    const { maxMessages, maxBytes, drop } = this.#options;
    for (let dropped = 0; ; dropped++) {
      // An empty queue takes any message, however large: else it could never be handled.
      if ((this.queued < maxMessages && this.#bytes + size <= maxBytes) || this.queued === 0) return dropped;
      const oldest = drop === 'oldest' ? this.#waiting.shift() : undefined;
      if (oldest === undefined) return undefined;
      this.#bytes -= oldest.size;
      if (oldest.text === undefined) this.#store.skip(oldest.stored);
    }
  }

  /** A part of a frame keeps all of the frame in memory, also when the rest of it is dropped: so nothing is kept as it came once that may happen. */
  #isLong(size: number): boolean {
    return this.#bytes + size > SHORT_QUEUE || this.queued * 4 >= this.#options.maxMessages;
  }

  #textOf({ text, stored }: Waiting<From>): string {
    return text ?? this.#store.shift(stored);
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
        turnBudget.later(this.#goOn);
        break;
      }
      const next = this.#waiting.shift();
      if (next === undefined) break;
      const { size, from } = next;
      const body = this.#textOf(next);
      const work = this.#options.open(body, from);
      if (work === undefined) {
        this.#bytes -= size;
        continue;
      }
      const entry = { work, size, body };
      const parked = work.lane === undefined ? undefined : this.#lanes.get(work.lane);
      if (parked !== undefined) {
        parked.push(entry);
        this.#parked++;
      } else {
        if (work.lane !== undefined) this.#lanes.set(work.lane, new Fifo());
        this.#start(entry);
      }
    }
    if (this.#isPressed) this.#look();
    this.#settle();
  };

  /** Runs a message, and after it what waits for its lane: in a loop, because a handler may be done at once. */
  #start(entry: Entry): void {
    for (let next: Entry | undefined = entry; next !== undefined; ) {
      const current: Entry = next;
      this.#bytes -= current.size;
      this.#running++;
      this.#slots.take();
      const result = turnBudget.spend(current.work.run);
      if (result !== undefined) {
        result.then(() => {
          const following = this.#finish(current.work);
          if (following !== undefined) this.#start(following);
          this.#fill();
        });
        return;
      }
      next = this.#finish(current.work);
    }
  }

  /** Frees the slot and the lane, or hands over the next message of the lane. */
  #finish({ lane }: Work): Entry | undefined {
    this.#running--;
    this.#slots.give(this.#fill);
    if (lane === undefined) return undefined;
    const following = this.#lanes.get(lane)?.shift();
    if (following === undefined) this.#lanes.delete(lane);
    else this.#parked--;
    return following;
  }

  #settle(): void {
    if (this.#running > 0 || this.queued > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
