import type { Clock, Timer } from '@belfry/core';
import type { Batch } from './batch.js';

/** What the lines of one instance hold, all taken together. */
export interface Held {
  count: number;
  /** In characters. */
  size: number;
}

export interface WaitingLineOptions {
  readonly held: Held;
  /** How long something may wait, in milliseconds. */
  readonly patience: number;
  /** It has waited for too long, or too much waits. It is in no line any more. */
  readonly giveUp: (batch: Batch, reason: 'time' | 'size') => void;
  readonly clock: Clock;
}

/** What may wait, in characters. What is beyond it is given up at once. */
const MOST_HELD = 33_554_432;
/** What a command costs beside its characters: promises, arguments, a place in two queues. */
const OVERHEAD = 1024;

export const weightOf = (batch: Batch): number => batch.size + OVERHEAD;

/** Batches that wait for a server that would take them, in the order in which they were made. */
export class WaitingLine {
  readonly #options: WaitingLineOptions;
  #waiting = new Map<Batch, Timer>();
  /** The latest of all that have come since it was empty. */
  #latest = 0;
  #isSorted = true;

  constructor(options: WaitingLineOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Takes one in: to the end of the line, or to its old place when it comes back. Its time is counted from when it first waited. */
  add(batch: Batch): void {
    const { held, patience, giveUp, clock } = this.#options;
    const size = weightOf(batch);
    if (held.size + size > MOST_HELD && held.size > 0) {
      giveUp(batch, 'size');
      return;
    }
    batch.deadline ??= clock.now() + patience;
    const timer = clock.after(Math.max(0, batch.deadline - clock.now()), () => {
      this.#forget(batch);
      giveUp(batch, 'time');
    });
    if (this.isEmpty) {
      this.#isSorted = true;
      this.#latest = batch.sequence;
    } else if (batch.sequence < this.#latest) this.#isSorted = false;
    else this.#latest = batch.sequence;
    this.#waiting.set(batch, timer);
    held.count++;
    held.size += size;
  }

  /** The first one, which leaves the line. */
  shift(): Batch | undefined {
    this.#sort();
    for (const batch of this.#waiting.keys()) {
      this.#forget(batch);
      return batch;
    }
    return undefined;
  }

  /** All of them leave the line. */
  takeAll(): Batch[] {
    this.#sort();
    const all = [...this.#waiting.keys()];
    for (const batch of all) this.#forget(batch);
    return all;
  }

  /** Gives all of them up. */
  close(): void {
    for (const batch of this.takeAll()) this.#options.giveUp(batch, 'time');
  }

  #sort(): void {
    if (!this.#isSorted) this.#waiting = new Map([...this.#waiting].sort(([a], [b]) => a.sequence - b.sequence));
    this.#isSorted = true;
  }

  #forget(batch: Batch): void {
    this.#waiting.get(batch)?.cancel();
    if (!this.#waiting.delete(batch)) return;
    const { held } = this.#options;
    held.count--;
    held.size -= weightOf(batch);
  }
}
