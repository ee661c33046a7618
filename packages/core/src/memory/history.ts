import type { RecoveryPolicy } from '@belfry/contracts';
import { Fifo } from '../fifo.js';
import type { HistoryPart } from '../transport.js';

interface Entry {
  readonly time: number;
  readonly number: number;
  readonly body: string;
}

const MOST_CHARACTERS = 1_048_576;

/** What is kept of a channel for broadcast subscribers that were away. */
export class History {
  readonly #entries = new Fifo<Entry>();
  #newest: Entry | undefined;

  /** Keeps an event. Returns its cursor. */
  keep(body: string, { age, count }: RecoveryPolicy, now: number): string {
    const time = Math.max(now, this.#newest?.time ?? 0);
    const entry = { time, number: (this.#newest?.number ?? 0) + 1, body };
    this.#newest = entry;
    this.#entries.push(entry);
    while (this.#entries.length > count || (this.#entries.peek()?.time ?? now) < now - age) this.#entries.shift();
    return cursorOf(entry);
  }

  after(cursor: string | undefined, count: number): HistoryPart {
    const last = this.#newest === undefined ? undefined : cursorOf(this.#newest);
    if (cursor === undefined) return { entries: [], last };
    const [time = 0, number = 0] = cursor.split('-').map(Number);
    const entries: { cursor: string; body: string }[] = [];
    let size = 0;
    for (const entry of this.#entries) {
      if (entry.time < time || (entry.time === time && entry.number <= number)) continue;
      if (entries.length >= count || size > MOST_CHARACTERS) break;
      entries.push({ cursor: cursorOf(entry), body: entry.body });
      size += entry.body.length;
    }
    return { entries, last };
  }
}

const cursorOf = ({ time, number }: Entry): string => `${time}-${number}`;
