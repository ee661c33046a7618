import type { Clock, Timer } from './clock.js';
import type { Losses } from './losses.js';
import type { Standing } from './standing.js';

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
  readonly since: number;
  /** Counted as missed; until then it may be that they only took a longer way. Or never to be counted: perhaps they were not published at all. */
  state: 'open' | 'counted' | 'uncertain';
}

/** One publisher's events on one channel. */
interface Line {
  readonly channel: string;
  readonly source: string;
  /** The first that was seen. */
  first: number;
  next: number;
  /** When the last one came. */
  seenAt: number;
  /** Follows an older number that was out of place. */
  restart: number;
  readonly holes: Hole[];
  timer: Timer | undefined;
}

/** A publisher that lost its connection may have been overtaken by what it wrote on the next one: so long is waited for what is missing. */
const LATE_MS = 500;
/** So many channels, and publishers of each, are remembered; then the oldest is forgotten, and begins anew with what comes next. */
const MOST = 10_000;
const MOST_HOLES = 16;
/** What is older than the first that was seen took a longer way, if it is so many numbers behind at most. */
const MOST_LATE = 1000;
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
  see(channel: string, { source, sequence, uncertain }: Standing, isStray = false): void {
    if (sequence === undefined) return;
    const line = this.#channels.get(channel)?.get(source);
    if (line === undefined) {
      this.#begin(channel, source, sequence);
      return;
    }
    if (sequence < line.next) {
      if (!this.#fill(line, sequence) && !isStray) this.#begins(line, sequence);
      return;
    }
    if (sequence > line.next) this.#miss(line, sequence, uncertain);
    line.next = sequence + 1;
    line.restart = Number.NaN;
    line.seenAt = this.#options.clock.now();
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
    for (const line of lines.values()) this.#leave(line);
  }

  #leave(line: Line): void {
    line.timer?.cancel();
    this.#count(line, 'unknown');
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
      const [first, oldest] = lines.entries().next().value!;
      this.#leave(oldest);
      lines.delete(first);
    }
    const seenAt = this.#options.clock.now();
    lines.set(source, {
      channel,
      source,
      first: sequence,
      next: sequence + 1,
      seenAt,
      restart: Number.NaN,
      holes: [],
      timer: undefined,
    });
  }

  #miss(line: Line, sequence: number, uncertain: Standing['uncertain']): void {
    if (sequence - line.next > LARGEST_HOLE) return;
    const { clock, resumedAt } = this.#options;
    const [first, last] = uncertain ?? [sequence, sequence];
    const since = clock.now();
    const holes: readonly Hole[] = [
      { first: line.next, last: Math.min(first, sequence) - 1, since, state: 'open' },
      { first: Math.max(line.next, first), last: Math.min(last, sequence - 1), since, state: 'uncertain' },
      { first: Math.max(line.next, last + 1), last: sequence - 1, since, state: 'open' },
    ];
    for (const hole of uncertain === undefined ? holes.slice(0, 1) : holes) {
      if (hole.first > hole.last) continue;
      if (line.holes.length >= MOST_HOLES) this.#forgetOldest(line);
      line.holes.push(hole);
    }
    if (resumedAt() >= line.seenAt) this.#count(line, 'interrupted');
    else this.#wait(line);
  }

  /** Each hole has its time to be filled. */
  #wait(line: Line): void {
    const { clock } = this.#options;
    const oldest = line.holes.find(({ state }) => state === 'open');
    if (oldest === undefined || line.timer !== undefined) return;
    const overdue = () => {
      line.timer = undefined;
      this.#count(line, 'unknown', clock.now() - LATE_MS);
      this.#wait(line);
    };
    line.timer = clock.after(Math.max(1, oldest.since + LATE_MS - clock.now()), overdue, 'background');
  }

  /** Returns whether there was a hole for it. */
  #fill(line: Line, sequence: number): boolean {
    const at = line.holes.findIndex(({ first, last }) => sequence >= first && sequence <= last);
    const hole = line.holes[at];
    if (hole === undefined) return false;
    const before = { ...hole, last: sequence - 1 };
    const after = { ...hole, first: sequence + 1 };
    line.holes.splice(at, 1, ...[before, after].filter(({ first, last }) => first <= last));
    if (hole.state === 'counted') this.#options.losses.found(1);
    if (line.holes.length > MOST_HOLES) this.#forgetOldest(line);
    return true;
  }

  /** Two in a row that fill no hole: the publisher's numbers have begun anew, or one was forged before. */
  #begins(line: Line, sequence: number): void {
    if (sequence < line.first && sequence > line.first - MOST_LATE) return; // it only took a longer way
    if (sequence === line.restart) {
      line.first = sequence;
      line.next = sequence + 1;
      line.seenAt = this.#options.clock.now();
      line.holes.length = 0;
      line.restart = Number.NaN;
    } else line.restart = sequence + 1;
  }

  #forgetOldest(line: Line): void {
    this.#count(line, 'unknown', line.holes[0]!.since);
    line.holes.shift();
  }

  /** Counts what has been missing since then, or for longer. */
  #count(line: Line, reason: 'interrupted' | 'unknown', since = Number.POSITIVE_INFINITY): void {
    let missed = 0;
    for (const hole of line.holes) {
      if (hole.state !== 'open' || hole.since > since) continue;
      missed += hole.last - hole.first + 1;
      hole.state = 'counted';
    }
    const { channel, source } = line;
    if (missed > 0) this.#options.losses.missed({ channel, source, missed, reason });
  }
}

/** A text of its own: what was cut out of a message keeps all of it in memory. */
const copyOf = (text: string): string => Buffer.from(text).toString();
