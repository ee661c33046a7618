import type { Clock, Timer } from './clock.js';
import type { Losses } from './losses.js';

export interface SequenceWatchOptions {
  readonly losses: Losses;
  /** When the connection was last back after an interruption; now, while it is interrupted. */
  readonly resumedAt: () => number;
  readonly clock: Clock;
}

/** Numbers that have not come. */
interface Hole {
  readonly first: number;
  readonly last: number;
  /** Counted as missed; until then it may be that they only took a longer way. */
  counted: boolean;
}

/** One publisher's events on one channel. */
interface Line {
  readonly channel: string;
  readonly source: string;
  next: number;
  /** When the last one came. */
  seenAt: number;
  /** Follows an older number that was out of place. */
  restart: number;
  /** What is missing before the next one counts, whatever else is known of it. */
  isDoubted: boolean;
  readonly holes: Hole[];
  timer: Timer | undefined;
}

/** A publisher that lost its connection may have been overtaken by what it wrote on the next one: so long is waited for what is missing. */
const LATE_MS = 500;
/** So many channels, and publishers of each, are remembered; then the oldest is forgotten, and begins anew with what comes next. */
const MOST = 10_000;
const MOST_HOLES = 16;
/** No publisher gets so far ahead of what a subscriber has seen: such a number is forged. */
const LARGEST_HOLE = 2 ** 31;

/**
 * Notices what is missing among the events of a publisher, by the numbers that they carry. A publisher whose events are seen for the first time,
 * because it or this subscription has just begun, is taken as it is.
 */
export class SequenceWatch {
  readonly #options: SequenceWatchOptions;
  /** channel -> source -> line */
  readonly #channels = new Map<string, Map<string, Line>>();

  constructor(options: SequenceWatchOptions) {
    this.#options = options;
  }

  /**
   * Every event that arrives has to come by here, in the order in which it arrived. A stray comes outside of the order: that its number is low says
   * nothing.
   */
  see(channel: string, source: string, sequence: number, isStray = false): void {
    const line = this.#channels.get(channel)?.get(source);
    if (line === undefined) {
      this.#begin(channel, source, sequence);
      return;
    }
    if (sequence < line.next) {
      if (!this.#fill(line, sequence) && !isStray) this.#begins(line, sequence);
      return;
    }
    if (sequence > line.next) this.#miss(line, sequence);
    line.next = sequence + 1;
    line.restart = Number.NaN;
    line.isDoubted = false;
    line.seenAt = this.#options.clock.now();
  }

  /**
   * The same for an event before which nothing is missing, as the history of the channel shows. Numbers that have not come were given to publishes
   * that ended unconfirmed and never reached the broker.
   */
  pass(channel: string, source: string, sequence: number): void {
    const line = this.#channels.get(channel)?.get(source);
    if (line !== undefined && !line.isDoubted && sequence > line.next) line.next = sequence;
    this.see(channel, source, sequence);
  }

  /** The history of the channel has begun anew: it does not know what was published before, so the numbers decide once more. */
  doubt(channel: string): void {
    for (const line of this.#channels.get(channel)?.values() ?? []) line.isDoubted = true;
  }

  /** What is missing on the channel has been counted in another way. */
  forget(channel: string): void {
    for (const line of this.#channels.get(channel)?.values() ?? []) line.timer?.cancel();
    this.#channels.delete(channel);
  }

  /** Nothing more comes: what is missing now stays so. */
  end(): void {
    for (const lines of this.#channels.values()) this.#close(lines);
    this.#channels.clear();
  }

  #close(lines: ReadonlyMap<string, Line>): void {
    for (const line of lines.values()) this.#count(line, 'unknown');
  }

  #begin(channel: string, name: string, sequence: number): void {
    const source = copyOf(name);
    let lines = this.#channels.get(channel);
    if (lines === undefined) {
      const oldest = this.#channels.size >= MOST ? this.#channels.entries().next().value : undefined;
      if (oldest !== undefined) {
        this.#close(oldest[1]);
        this.#channels.delete(oldest[0]);
      }
      lines = new Map();
      this.#channels.set(channel, lines);
    } else if (lines.size >= MOST) {
      const [name, oldest] = lines.entries().next().value!;
      this.#count(oldest, 'unknown');
      lines.delete(name);
    }
    const seenAt = this.#options.clock.now();
    lines.set(source, {
      channel,
      source,
      next: sequence + 1,
      seenAt,
      restart: Number.NaN,
      isDoubted: false,
      holes: [],
      timer: undefined,
    });
  }

  #miss(line: Line, sequence: number): void {
    if (sequence - line.next > LARGEST_HOLE) return;
    if (line.holes.length >= MOST_HOLES) this.#forgetOldest(line);
    line.holes.push({ first: line.next, last: sequence - 1, counted: false });
    const { clock, resumedAt } = this.#options;
    if (resumedAt() >= line.seenAt) this.#count(line, 'interrupted');
    else line.timer ??= clock.after(LATE_MS, () => this.#count(line, 'unknown'), 'background');
  }

  /** Returns whether there was a hole for it. */
  #fill(line: Line, sequence: number): boolean {
    const at = line.holes.findIndex(({ first, last }) => sequence >= first && sequence <= last);
    const hole = line.holes[at];
    if (hole === undefined) return false;
    const before = { ...hole, last: sequence - 1 };
    const after = { ...hole, first: sequence + 1 };
    line.holes.splice(at, 1, ...[before, after].filter(({ first, last }) => first <= last));
    if (hole.counted) this.#options.losses.found(1);
    if (line.holes.length > MOST_HOLES) this.#forgetOldest(line);
    return true;
  }

  /** Two in a row that fill no hole: the publisher's numbers have begun anew, or one was forged before. */
  #begins(line: Line, sequence: number): void {
    if (sequence === line.restart) {
      line.next = sequence + 1;
      line.seenAt = this.#options.clock.now();
      line.holes.length = 0;
      line.restart = Number.NaN;
    } else line.restart = sequence + 1;
  }

  #forgetOldest(line: Line): void {
    this.#count(line, 'unknown');
    line.holes.shift();
  }

  #count(line: Line, reason: 'interrupted' | 'unknown'): void {
    line.timer?.cancel();
    line.timer = undefined;
    let missed = 0;
    for (const hole of line.holes) {
      if (!hole.counted) missed += hole.last - hole.first + 1;
      hole.counted = true;
    }
    const { channel, source } = line;
    if (missed > 0) this.#options.losses.missed({ channel, source, missed, reason });
  }
}

/** A text of its own: what was cut out of a message keeps all of it in memory. */
const copyOf = (text: string): string => Buffer.from(text).toString();
