import { BelfryError } from '@belfry/contracts';
import type { Clock, Timer } from './clock.js';
import type { Losses } from './losses.js';
import type { SequenceWatch } from './sequence-watch.js';
import { type Standing, standingOf } from './standing.js';
import type { HistoryPart } from './transport.js';

export interface RecoveryOptions {
  readonly channel: string;
  /** What is kept after a cursor; without one, only where it ends. */
  readonly read: (after: string | undefined, count: number) => Promise<HistoryPart>;
  /** Takes one event, in its turn. */
  readonly deliver: (body: string) => void;
  /** Resolves when one more can be taken and none has to be dropped; `undefined`: it can at once. */
  readonly room: () => Promise<void> | undefined;
  /** Sees every event before it is delivered. */
  readonly watch: SequenceWatch;
  readonly losses: Losses;
  /** Is told when the broker refuses to let the history be read: then nothing is recovered. */
  readonly refused: (error: unknown) => void;
  readonly clock: Clock;
}

/** A place among what is kept: the broker's time, and a number that goes up by one per event. */
interface Cursor {
  readonly time: number;
  readonly number: number;
}

/** What is kept after one place, up to another. */
interface Stretch {
  from: Cursor;
  to: Cursor;
}

interface Held {
  readonly body: string;
  readonly standing: Standing;
  readonly cursor: Cursor;
}

const READ_AT_A_TIME = 128;
/** What comes while the past is read is held up to so many characters. What is beyond that stands in the history as well. */
const MOST_HELD = 1_048_576;
/** The broker did not answer: so long until it is asked again, if it is not back before. */
const AGAIN_MS = 1000;
/** So many histories that have ended are remembered. */
const MOST_BEFORE = 4;

const BEGINNING: Cursor = { time: 0, number: 0 };

/**
 * Hands over the events of one channel without holes. After an interruption it reads what was missed from what is kept of the channel, in order and
 * once, and goes on with what comes. Whatever does not follow on what came before is judged by the history, and by nothing else.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  /** The newest that was handed over, or where the history ended when this began. */
  #last = BEGINNING;
  /** The first that comes may be older than the end that was read. */
  #isFirst = true;
  #isLive = true;
  /** What was read from the history comes once more on the connection when that is slower, however much has happened since. */
  #read: Stretch = { from: BEGINNING, to: BEGINNING };
  /** The same of histories that have ended since, the latest first. */
  #readBefore: Stretch[] = [];
  /** Nothing has been read of it. */
  #isNew = false;
  /** How many were read that had not come on the connection, and have not been told yet. */
  #recovered = 0;
  #isReading = false;
  #readAgain = false;
  #again: Timer | undefined;
  #held: Held[] = [];
  #heldSize = 0;
  #ended = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Remembers where the history ends. To be called before the channel is listened to. Rejects when it cannot be read. */
  async start(): Promise<void> {
    const { last } = await this.#options.read(undefined, 0);
    this.#last = cursorFrom(last) ?? BEGINNING;
  }

  /** Takes an event that has arrived. False: it has no place in the history. */
  take(body: string, standing: Standing): boolean {
    const cursor = cursorFrom(standing.cursor);
    if (cursor === undefined) return false;
    if (this.#isLive) this.#takeLive({ body, standing, cursor });
    else this.#hold({ body, standing, cursor });
    return true;
  }

  /** Reads what was missed, because the connection was away. */
  catchUp(): void {
    this.#readAgain = true;
    this.#isLive = false;
    if (!this.#isReading && !this.#ended) void this.#catchUp();
  }

  /** Reads no more. What had arrived is handed over. */
  end(): void {
    this.#ended = true;
    this.#again?.cancel();
    this.#goLive();
  }

  #takeLive(event: Held): void {
    const { cursor, body, standing } = event;
    if (this.#isFirst || this.#isNext(cursor)) {
      this.#isFirst = false;
      this.#last = cursor;
      this.#handOver(body, standing);
    } else if (this.#isNew || !this.#wasRead(cursor)) {
      this.#hold(event);
      this.catchUp();
    }
  }

  #hold(event: Held): void {
    if (this.#heldSize + event.body.length > MOST_HELD) this.#takeHeld();
    // What is between the two may be in the history by now, and may not have been when it was read last.
    const newest = this.#held.at(-1);
    const isNext = newest === undefined ? this.#isNext(event.cursor) : follows(event.cursor, newest.cursor);
    if (!isNext) this.#readAgain = true;
    this.#held.push(event);
    this.#heldSize += event.body.length;
  }

  #takeHeld(): readonly Held[] {
    const held = this.#held;
    this.#held = [];
    this.#heldSize = 0;
    return held;
  }

  async #catchUp(): Promise<void> {
    this.#isReading = true;
    this.#isLive = false;
    this.#again?.cancel();
    if (this.#read.to === BEGINNING) this.#read = { from: this.#last, to: BEGINNING };
    try {
      while (this.#readAgain && !this.#ended) {
        this.#readAgain = false;
        await this.#readToEnd();
      }
      if (!this.#ended) this.#goLive();
    } catch (error) {
      if (this.#ended) return;
      this.#readAgain = false; // in a while, or not at all
      if (BelfryError.is(error) && error.code === 'TRANSPORT_UNAVAILABLE') {
        this.#again = this.#options.clock.after(AGAIN_MS, () => this.catchUp(), 'background');
      } else this.#giveUp(error);
    } finally {
      this.#isReading = false;
    }
    if (this.#readAgain && !this.#ended) void this.#catchUp();
  }

  /** Hands over everything that is kept after `#last`. */
  async #readToEnd(): Promise<void> {
    const { read, room } = this.#options;
    for (;;) {
      const { entries, last } = await read(textOf(this.#last), READ_AT_A_TIME);
      const end = cursorFrom(last) ?? BEGINNING;
      if (isAfter(this.#last, end) || end.number < this.#last.number) {
        await this.#handOverHeld(); // what came before that is in no history any more
        this.#beginAnew(); // perhaps by a clock that is behind
        if (end === BEGINNING) return;
        continue;
      }
      const before = this.#last;
      for (const { cursor: text, body } of entries) {
        const cursor = cursorFrom(text);
        if (cursor === undefined) continue; // not one of ours
        await room();
        if (this.#ended) return;
        if (cursor.number <= this.#last.number) {
          await this.#handOverHeld();
          this.#beginAnew(); // and has grown beyond the old one since
        }
        if (this.#isNew) this.#last = this.#read.from = { ...cursor, number: cursor.number - 1 };
        this.#isNew = false;
        this.#noticeHole(cursor.number - this.#last.number - 1);
        this.#last = this.#read.to = cursor;
        this.#handOver(body, standingOf(body));
        this.#recovered++;
      }
      this.#isFirst = false;
      if (this.#meetsHeld && (await this.#handOverHeld())) return; // on a busy channel there is always one more to read
      if (entries.length === 0 ? !isAfter(end, this.#last) : this.#last === before) return;
    }
  }

  /** What is held goes on where the history has been read to. */
  get #meetsHeld(): boolean {
    const oldest = this.#held[0]?.cursor;
    return oldest !== undefined && (this.#wasRead(oldest) || this.#isNext(oldest));
  }

  /** Hands over, as there is room, what is held and goes on there. Returns whether nothing is held any more. */
  async #handOverHeld(): Promise<boolean> {
    while (this.#meetsHeld && !this.#ended) {
      const room = this.#options.room();
      if (room !== undefined) {
        await room;
        continue; // meanwhile it may have become too much to be held
      }
      const { body, standing, cursor } = this.#held.shift()!;
      this.#heldSize -= body.length;
      if (isWithin(cursor, this.#read) || !this.#isNext(cursor))
        this.#recovered--; // was read
      else {
        this.#last = cursor;
        this.#handOver(body, standing);
      }
    }
    return this.#held.length === 0;
  }

  /** What is kept has begun anew: all of it is new. What is not kept of it any more shows in the publishers' numbers. */
  #beginAnew(): void {
    this.#readBefore = [this.#read, ...this.#readBefore].slice(0, MOST_BEFORE);
    this.#read = { from: BEGINNING, to: BEGINNING };
    this.#last = BEGINNING;
    this.#isNew = true;
  }

  /** What is missing in the history itself has been trimmed: nobody can read it any more. */
  #noticeHole(missed: number): void {
    if (missed <= 0) return;
    const { channel, losses, watch } = this.#options;
    watch.forget(channel); // or its numbers would count the same once more
    losses.missed({ channel, source: undefined, missed, reason: 'history' });
  }

  /**
   * Goes on with what came meanwhile. What does not follow on the end of the history is in none: it is handed over, and nothing is said by it.
   */
  #goLive(fits: (cursor: Cursor) => boolean = (cursor) => this.#isNext(cursor)): void {
    this.#isLive = true;
    for (const { body, standing, cursor } of this.#takeHeld()) {
      const isNext = !isWithin(cursor, this.#read) && fits(cursor);
      if (!isNext && this.#wasRead(cursor)) {
        this.#recovered--;
        continue;
      }
      if (isNext) this.#last = cursor;
      this.#handOver(body, standing, !isNext);
    }
    const { losses, channel } = this.#options;
    if (this.#recovered > 0) losses.recovered(channel, this.#recovered);
    this.#recovered = 0;
  }

  /** Goes on without what cannot be read: its absence shows in the publishers' numbers. */
  #giveUp(error: unknown): void {
    this.#options.refused(error);
    this.#goLive((cursor) => !this.#wasRead(cursor));
  }

  #isNext(cursor: Cursor): boolean {
    return !this.#isNew && follows(cursor, this.#last);
  }

  #wasRead(cursor: Cursor): boolean {
    return isWithin(cursor, this.#read) || this.#readBefore.some((stretch) => isWithin(cursor, stretch));
  }

  /** @param isStray it stands outside of the order */
  #handOver(body: string, standing: Standing | undefined, isStray = false): void {
    const { channel, watch, deliver } = this.#options;
    if (standing !== undefined) watch.see(channel, standing, isStray);
    deliver(body);
  }
}

const textOf = ({ time, number }: Cursor): string => `${time}-${number}`;

function cursorFrom(text: string | undefined): Cursor | undefined {
  const [, time, number] = /^(\d{1,15})-(\d{1,15})$/.exec(text ?? '') ?? [];
  return number === undefined ? undefined : { time: Number(time), number: Number(number) };
}

/** As Redis orders the entries of a stream. */
const isAfter = (one: Cursor, other: Cursor): boolean =>
  one.time > other.time || (one.time === other.time && one.number > other.number);

/** By its number too: what has begun anew by a clock that is behind is something else. */
const isWithin = (cursor: Cursor, { from, to }: Stretch): boolean =>
  cursor.number > from.number && cursor.number <= to.number && isAfter(cursor, from) && !isAfter(cursor, to);

const follows = (cursor: Cursor, before: Cursor): boolean =>
  cursor.number === before.number + 1 && cursor.time >= before.time;
