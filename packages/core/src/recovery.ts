import { BelfryError } from '@belfry/contracts';
import type { Clock, Timer } from './clock.js';
import { type Standing, standingOf } from './envelope.js';
import type { Losses } from './losses.js';
import type { SequenceWatch } from './sequence-watch.js';
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
  /** What was read from the history after `#readFrom`, up to `#readTo`, comes once more on the connection when that is slower. */
  #readFrom = BEGINNING;
  #readTo = BEGINNING;
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
    for (const { body, standing } of this.#takeHeld()) this.#handOver(body, standing);
  }

  #takeLive(event: Held): void {
    const { cursor, body, standing } = event;
    if (isAfter(cursor, this.#readFrom) && !isAfter(cursor, this.#readTo)) return; // was read already
    if (this.#isFirst || follows(cursor, this.#last)) {
      this.#isFirst = false;
      this.#last = cursor;
      this.#handOver(body, standing);
      return;
    }
    this.#hold(event);
    this.catchUp();
  }

  #hold(event: Held): void {
    if (this.#heldSize + event.body.length > MOST_HELD) this.#takeHeld();
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
    this.#again?.cancel();
    this.#readFrom = this.#last;
    let recovered = 0;
    try {
      while (this.#readAgain && !this.#ended) {
        this.#readAgain = false;
        recovered += await this.#readToEnd();
      }
      if (!this.#ended) recovered -= this.#goLive();
    } catch (error) {
      if (BelfryError.is(error) && error.code === 'TRANSPORT_UNAVAILABLE') {
        this.#again = this.#options.clock.after(AGAIN_MS, () => this.catchUp(), 'background');
      } else if (!this.#ended) this.#giveUp(error);
    }
    if (recovered > 0) this.#options.losses.recovered(this.#options.channel, recovered);
    this.#isReading = false;
    if (this.#readAgain && !this.#ended) void this.#catchUp();
  }

  /** Hands over everything that is kept after `#last`. Returns how many that were. */
  async #readToEnd(): Promise<number> {
    const { read, room } = this.#options;
    for (let recovered = 0; ; ) {
      const { entries, last } = await read(textOf(this.#last), READ_AT_A_TIME);
      const end = cursorFrom(last) ?? BEGINNING;
      if (isAfter(this.#last, end) || end.number < this.#last.number) {
        // What is kept has begun anew, perhaps by a clock that is behind: all of it is new.
        this.#last = this.#readFrom = BEGINNING;
        if (end === BEGINNING) return recovered;
        continue;
      }
      for (const { cursor: text, body } of entries) {
        const cursor = cursorFrom(text);
        if (cursor === undefined) continue;
        await room();
        if (this.#ended) return recovered;
        this.#noticeHole(cursor);
        this.#last = cursor;
        this.#handOver(body, standingOf(body));
        recovered++;
      }
      this.#isFirst = false;
      if (entries.length === 0 && !isAfter(end, this.#last)) return recovered;
    }
  }

  /** What is missing in the history itself has been trimmed: nobody can read it any more. */
  #noticeHole({ number }: Cursor): void {
    const { channel, losses, watch } = this.#options;
    const before = number > this.#last.number ? this.#last.number : 0;
    const missed = number - before - 1;
    if (missed <= 0) return;
    watch.forget(channel); // or its numbers would count the same once more
    losses.missed({ channel, source: undefined, missed, reason: 'history' });
  }

  /**
   * Goes on with what came meanwhile, and returns how much of that had been read already. What does not follow on the end of the history is in
   * none: it is handed over, and nothing is said by it.
   */
  #goLive(): number {
    this.#readTo = this.#last;
    this.#isLive = true;
    let repeated = 0;
    for (const { body, standing, cursor } of this.#takeHeld()) {
      if (isAfter(cursor, this.#readFrom) && !isAfter(cursor, this.#readTo)) {
        repeated++;
        continue;
      }
      if (follows(cursor, this.#last)) this.#last = cursor;
      this.#handOver(body, standing);
    }
    return repeated;
  }

  #giveUp(error: unknown): void {
    this.#options.refused(error);
    const newest = this.#held.at(-1);
    if (newest !== undefined) this.#last = newest.cursor;
    this.#readFrom = this.#readTo = BEGINNING;
    this.#isLive = true;
    for (const { body, standing } of this.#takeHeld()) this.#handOver(body, standing);
  }

  #handOver(body: string, standing: Standing | undefined): void {
    const { channel, watch, deliver } = this.#options;
    if (standing?.sequence !== undefined) watch.see(channel, standing.source, standing.sequence);
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

const follows = (cursor: Cursor, before: Cursor): boolean =>
  cursor.number === before.number + 1 && cursor.time >= before.time;
