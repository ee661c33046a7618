import type { Clock, Timer } from '../clock.js';
import { Fifo } from '../fifo.js';
import type { Slots } from '../slots.js';
import type { Attempt } from './attempts.js';
import type { Durability, LogEntry } from './durability.js';
import type { News, Outcome } from './outcome.js';

export interface LogReaderOptions {
  readonly durable: Durability;
  readonly channel: string;
  readonly slots: Slots;
  readonly signal: AbortSignal;
  /** Handles one entry. Never throws or rejects. */
  readonly run: (attempt: Attempt) => Outcome | Promise<Outcome>;
  readonly tell: (news: News) => void;
  readonly clock: Clock;
}

/** Looks by itself after so long: nobody rings for a delayed event, and a doorbell may have been lost with a connection. */
const POLL_MS = 1000;
/** In the hands of the reader are at most so many, with those that wait for another attempt or behind their key. */
const MOST_HELD = 1024;
const MOST_AT_A_TIME = 128;

interface Item {
  readonly entry: LogEntry;
  attempt: number;
}

/**
 * Reads a log for one instance alone: from the moment it began, everything, in order. It acknowledges nothing, tries again by itself what
 * failed, and is forgotten with its process. One entry of a key is handled at a time.
 */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #ready = new Fifo<Item>();
  /** Key -> what waits behind the one that is being handled. */
  readonly #lanes = new Map<string, Fifo<Item>>();
  readonly #pauses = new Map<Item, Timer>();
  #held = 0;
  #running = 0;
  #isFilling = false;
  #cursor = '';
  #ordinal = 0;
  #epoch = '';
  #begun = false;
  #reading = false;
  #readAgain = false;
  #dueIn: number | undefined;
  #alarm: Timer | undefined;
  #stopped = false;
  #abandoned = false;
  #unavailable = false;
  readonly #waiters: (() => void)[] = [];

  constructor(options: LogReaderOptions) {
    this.#options = options;
    options.slots.onFree(this.#fill);
  }

  get queued(): number {
    return this.#held - this.#running;
  }

  get inFlight(): number {
    return this.#running;
  }

  /** Begins at the end of the log. Rejects when the broker cannot be asked. */
  async start(): Promise<void> {
    const { durable, channel } = this.#options;
    const { last, count, epoch, dueIn } = await durable.read(channel, undefined, '', 0);
    this.#cursor = last;
    this.#ordinal = count;
    this.#epoch = epoch;
    this.#dueIn = dueIn;
    this.#begun = true;
    if (this.#readAgain) this.ring();
    else this.#setAlarm();
  }

  /** There may be something to read. */
  readonly ring = (): void => {
    if (this.#reading || !this.#begun) this.#readAgain = true;
    else void this.#readOn();
  };

  /** Reads no more. */
  stop(): void {
    this.#stopped = true;
    this.#alarm?.cancel();
  }

  /** Forgets what has not begun. Returns how many that were. */
  abandon(): number {
    this.stop();
    this.#abandoned = true;
    const left = this.queued;
    for (const timer of this.#pauses.values()) timer.cancel();
    this.#pauses.clear();
    this.#ready.clear();
    this.#lanes.clear();
    this.#held = this.#running;
    this.#wake();
    return left;
  }

  /** Resolves once everything that was read has come to its end; only after `stop`. */
  async idle(): Promise<void> {
    while (this.#held > 0 || this.#reading) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  async #readOn(): Promise<void> {
    this.#reading = true;
    this.#alarm?.cancel();
    do {
      this.#readAgain = false;
      const room = Math.min(MOST_AT_A_TIME, MOST_HELD - this.#held);
      if (room <= 0 || this.#stopped) break;
      try {
        await this.#read(room);
        this.#unavailable = false;
      } catch (error) {
        if (!this.#unavailable) this.#options.tell({ what: 'unavailable', error });
        this.#unavailable = true;
        this.#dueIn = 1000;
      }
    } while (this.#readAgain);
    this.#reading = false;
    this.#setAlarm();
    this.#wake();
  }

  async #read(room: number): Promise<void> {
    const { durable, channel, tell } = this.#options;
    const part = await durable.read(channel, this.#cursor, this.#epoch, room);
    if (this.#abandoned) return;
    if (this.#epoch !== '' && part.epoch !== this.#epoch) {
      tell({ what: 'emptied' });
      this.#ordinal = 0;
    }
    this.#epoch = part.epoch;
    this.#dueIn = part.dueIn;
    if (part.count < this.#ordinal) tell({ what: 'rewound', count: this.#ordinal - part.count });
    this.#ordinal = Math.min(this.#ordinal, part.count);
    let missing = 0;
    for (const entry of part.entries) {
      // Numbers go up, to how many were appended: any other is a stranger's.
      if (entry.ordinal > this.#ordinal && entry.ordinal <= part.count) {
        missing += entry.ordinal - this.#ordinal - 1;
        this.#ordinal = entry.ordinal;
      }
      this.#cursor = entry.id;
      if (entry.only === undefined) this.#take({ entry, attempt: 0 });
    }
    if (missing > 0) tell({ what: 'lost', count: missing });
    if (part.entries.length > 0) this.#readAgain = true;
    this.#fill();
  }

  #take(item: Item): void {
    this.#held++;
    const { key } = item.entry;
    const lane = key === undefined ? undefined : this.#lanes.get(key);
    if (lane !== undefined) {
      lane.push(item);
      return;
    }
    if (key !== undefined) this.#lanes.set(key, new Fifo());
    this.#ready.push(item);
  }

  readonly #fill = (): void => {
    if (this.#isFilling) return; // a handler that was done at once comes by here
    this.#isFilling = true;
    while (this.#options.slots.free > 0) {
      const item = this.#ready.shift();
      if (item === undefined) break;
      this.#begin(item);
    }
    this.#isFilling = false;
  };

  #begin(item: Item): void {
    const { slots, run, signal } = this.#options;
    slots.take();
    this.#running++;
    item.attempt++;
    const outcome = run({ ...item.entry, attempt: item.attempt, signal });
    if (outcome instanceof Promise) void outcome.then((done) => this.#finished(item, done));
    else this.#finished(item, outcome);
  }

  #finished(item: Item, outcome: Outcome): void {
    const { slots, clock } = this.#options;
    const wasFull = this.#held >= MOST_HELD;
    this.#running--;
    if (outcome.outcome === 'retry' && !this.#abandoned) {
      const again = () => {
        this.#pauses.delete(item);
        this.#ready.push(item);
        this.#fill();
      };
      this.#pauses.set(item, clock.after(outcome.delay, again, 'background'));
    } else this.#done(item);
    slots.give(this.#fill);
    this.#fill();
    if (wasFull) this.ring();
    this.#wake();
  }

  #done({ entry: { key } }: Item): void {
    this.#held--;
    if (key === undefined) return;
    const next = this.#lanes.get(key)?.shift();
    if (next === undefined) this.#lanes.delete(key);
    else this.#ready.push(next);
  }

  #setAlarm(): void {
    this.#alarm?.cancel();
    if (this.#stopped) return;
    const pause = Math.max(1, Math.ceil(Math.min(POLL_MS, this.#dueIn ?? POLL_MS)));
    this.#alarm = this.#options.clock.after(pause, this.ring, 'background');
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
