// A channel that is kept, and one subscriber to it whose connection, reads and queue do as the test says.
import { BelfryError } from '@belfry/contracts';
import { BusEvents, type Gap } from '../src/bus-events.js';
import { RecordedLogger } from '../src/conformance/recorded-logger.js';
import { numbered, placed, standingOf } from '../src/standing.js';
import { Losses } from '../src/losses.js';
import { Recovery } from '../src/recovery.js';
import { SequenceWatch } from '../src/sequence-watch.js';
import type { HistoryPart } from '../src/transport.js';
import { nextTurn, TurnedClock } from './doubles.js';

/** One event that was published. */
export interface Published {
  readonly id: string;
  /** Counts how often what is kept has begun anew. */
  readonly series: number;
  readonly number: number;
  readonly cursor: string;
}

interface Kept {
  readonly time: number;
  readonly number: number;
  readonly body: string;
}

/** A read that has not been answered. */
interface Read {
  readonly after: string | undefined;
  /** What the broker has answered, and is on its way; absent: it has not read yet. */
  part: HistoryPart | undefined;
  readonly resolve: (part: HistoryPart) => void;
  readonly reject: (error: unknown) => void;
}

export class RecoveredChannel {
  readonly clock = new TurnedClock();
  readonly logger = new RecordedLogger();
  readonly stats = { missed: 0, recovered: 0 };
  readonly gaps: Gap[] = [];
  readonly refusals: unknown[] = [];
  readonly recovery: Recovery;
  /** By id. */
  readonly published = new Map<string, Published>();
  /** What has been delivered, in order, by id. */
  readonly handed: string[] = [];
  /** What the connection has not brought yet. */
  copies: string[] = [];
  reads: Read[] = [];
  readCount = 0;
  /** How many entries a read gives at most. */
  most = 128;
  /** The time by the broker's clock. */
  time = 1_000_000;
  isUp = false;
  isFull = false;
  readonly #relieved: (() => void)[] = [];
  readonly #sequences = new Map<string, number>();
  readonly #losses: Losses;
  readonly #watch: SequenceWatch;
  #kept: Kept[] = [];
  #newest: Kept | undefined;
  #series = 0;
  #forged = 0;
  #resumedAt = Number.NEGATIVE_INFINITY;

  constructor() {
    const { clock, logger, stats } = this;
    const resumedAt = () => (this.isUp ? this.#resumedAt : clock.now());
    const events = new BusEvents(logger);
    events.on('gap', (gap) => this.gaps.push(gap));
    this.#losses = new Losses({ title: 'orders.placed', stats, events, resumedAt, logger, clock });
    this.#watch = new SequenceWatch({ losses: this.#losses, resumedAt, clock });
    this.recovery = new Recovery({
      channel: 'shop:orders.placed',
      read: (after) => this.#read(after),
      deliver: (body) => this.#deliver(body),
      room: () => (this.isFull ? new Promise((resolve) => this.#relieved.push(resolve)) : undefined),
      watch: this.#watch,
      losses: this.#losses,
      refused: (error) => this.refusals.push(error),
      clock,
    });
  }

  /** Begins, and listens. */
  async begin(): Promise<void> {
    const started = this.recovery.start();
    await this.answerAll();
    await started;
    this.isUp = true;
  }

  publish(source = 'a', size = 0): Published {
    const sequence = (this.#sequences.get(source) ?? 0) + 1;
    this.#sequences.set(source, sequence);
    const id = `${source}${sequence}`;
    const body = numbered({ body: envelope(id, source, size) }, sequence);
    const time = Math.max(this.time, this.#newest?.time ?? 0);
    this.#newest = { time, number: (this.#newest?.number ?? 0) + 1, body };
    this.#kept.push(this.#newest);
    const cursor = cursorOf(this.#newest);
    const event = { id, series: this.#series, number: this.#newest.number, cursor };
    this.published.set(id, event);
    if (this.isUp) this.copies.push(placed(body, cursor));
    return event;
  }

  /** What somebody writes by hand, or has kept and writes again. */
  forge(cursor: string, source = 'z', sequence: number | 'x' = 'x'): void {
    const body = envelope(`forged${this.#forged++}`, source, 0).slice(1);
    if (this.isUp) this.copies.push(`{"cursor":${JSON.stringify(cursor)},"sequence":"${sequence}",${body}`);
  }

  /** Brings the next copies. */
  arrive(count = this.copies.length): void {
    for (const body of this.copies.splice(0, count)) {
      const standing = standingOf(body);
      if (standing === undefined || !this.recovery.take(body, standing)) this.#deliver(body);
    }
  }

  /** The connection breaks. What it has not brought is lost. */
  cut(): void {
    this.isUp = false;
    this.copies = [];
  }

  /** It is there again; that is not told yet. */
  reconnect(): void {
    this.isUp = true;
    this.#resumedAt = this.clock.now();
  }

  resume(): void {
    if (!this.isUp) this.reconnect();
    this.recovery.catchUp();
  }

  /** Keeps no more than the newest ones. */
  trim(count: number): void {
    this.#kept = this.#kept.slice(-count);
  }

  /** The broker forgets everything. Numbers begin with 1 again, by a clock that goes on from there. */
  beginAnew(time = this.time): void {
    this.#kept = [];
    this.#newest = undefined;
    this.#series++;
    this.time = time;
  }

  /** The broker reads; the answer is on its way. */
  serve(read = this.reads.find(({ part }) => part === undefined)): void {
    if (read === undefined) return;
    const last = this.#newest && cursorOf(this.#newest);
    const [time = 0, number = 0] = (read.after ?? '').split('-').map(Number);
    const isAfter = (entry: Kept) => entry.time > time || (entry.time === time && entry.number > number);
    const found = read.after === undefined ? [] : this.#kept.filter(isAfter).slice(0, this.most);
    read.part = { entries: found.map((entry) => ({ cursor: cursorOf(entry), body: entry.body })), last };
  }

  /** A read ends with what the broker has read, now at the latest. */
  answer(read = this.reads[0]): void {
    if (read === undefined) return;
    if (read.part === undefined) this.serve(read);
    this.reads = this.reads.filter((other) => other !== read);
    read.resolve(read.part!);
  }

  fail(error: unknown = new BelfryError('TRANSPORT_UNAVAILABLE', { message: 'as the test says.' })): void {
    this.reads.shift()?.reject(error);
  }

  /** Answers whatever is asked until nothing is asked any more. */
  async answerAll(): Promise<void> {
    await nextTurn();
    for (let rounds = 0; this.reads.length > 0; rounds++) {
      if (rounds > 2000) throw new Error('It reads for ever.');
      this.answer();
      await nextTurn();
    }
  }

  relieve(): void {
    this.isFull = false;
    for (const relieved of this.#relieved.splice(0)) relieved();
  }

  end(): void {
    this.recovery.end();
    this.#watch.end();
    this.#losses.end();
  }

  #read(after: string | undefined): Promise<HistoryPart> {
    this.readCount++;
    return new Promise((resolve, reject) => this.reads.push({ after, part: undefined, resolve, reject }));
  }

  #deliver(body: string): void {
    this.handed.push(/"id":"([^"]*)"/.exec(body)![1]!);
  }
}

const envelope = (id: string, source: string, size: number): string =>
  `{"specversion":"1.0","id":"${id}","source":"${source}","type":"orders.placed","data":"${'x'.repeat(size)}"}`;

const cursorOf = ({ time, number }: Kept): string => `${time}-${number}`;
