import type { Kind } from './contracts.js';
import type { Line } from './diary.js';

/** A publish or a request. */
export interface Publish {
  readonly id: string;
  readonly kind: Kind;
  readonly publisher: string;
  /** Counts what a publisher publishes of a kind. */
  readonly number: number;
  readonly key: string | undefined;
  readonly begunAt: number;
  endedAt?: number;
  /** `receipt`, `answer`, or the code of an error; absent: it has not ended. */
  how?: string;
  /** How many of the group received it, as the receipt says. */
  group?: number | undefined;
}

/** One call of a handler. */
export interface Handling {
  readonly id: string;
  readonly kind: Kind;
  /** Where: the place of the process in the system, which outlives the process. */
  readonly slot: string;
  readonly beganAt: number;
  /** Goes up within a process. */
  readonly order: number;
  endedAt?: number;
  threw: boolean;
}

/** A time in which a process may have lost what was in its hands or on the way to it. */
export interface Trouble {
  /** Absent: every process. */
  readonly slot: string | undefined;
  readonly why: string;
  readonly from: number;
  readonly to: number;
}

/** What is known of a process in one place, over all its lives. */
export interface ProcessRecord {
  readonly rss: number[];
  readonly stoodStill: { readonly at: number; readonly for: number; readonly computing: number }[];
  readonly wrong: string[];
  readonly logs: string[];
  missed: number;
  dropped: number;
  recovered: number;
  interruptions: number;
}

/** Everything that the ledger judges. */
export class Book {
  readonly publishes = new Map<string, Publish>();
  /** Every publish of a kind has the calls of handlers here, in the order in which they began in each process. */
  readonly handlings = new Map<string, Handling[]>();
  readonly troubles: Trouble[] = [];
  readonly records = new Map<string, ProcessRecord>();
  /** The ids in the log of the durable event, in their order. */
  log: readonly string[] = [];
  /** How many calls of handlers have begun. */
  handled = 0;
  /** By the place and the life of a process, what runs in it. */
  readonly #running = new Map<string, Handling>();
  readonly #interruptedAt = new Map<string, number>();

  /** Enters a line of a diary. */
  enter(slot: string, life: string, line: Line): void {
    const record = this.recordOf(slot);
    switch (line.what) {
      case 'begun':
        this.#begin(line);
        return;
      case 'ended': {
        const publish = this.publishes.get(line.id);
        if (publish !== undefined) Object.assign(publish, { endedAt: line.at, how: line.how, group: line.group });
        return;
      }
      case 'handles': {
        const handling = { id: line.id, kind: line.kind, slot, beganAt: line.at, order: this.handled++, threw: false };
        const of = this.handlings.get(line.id) ?? [];
        this.handlings.set(line.id, of);
        of.push(handling);
        this.#running.set(`${life} ${line.id}`, handling);
        return;
      }
      case 'handled':
      case 'throws': {
        const handling = this.#running.get(`${life} ${line.id}`);
        if (handling === undefined) return;
        handling.endedAt = line.at;
        handling.threw = line.what === 'throws';
        this.#running.delete(`${life} ${line.id}`);
        return;
      }
      case 'interrupted':
        record.interruptions++;
        this.#interruptedAt.set(life, line.at);
        return;
      case 'resumed':
        this.endOf(slot, life, line.at);
        return;
      case 'health':
        record.rss.push(line.rss);
        return;
      case 'stood still':
        record.stoodStill.push(line);
        return;
      case 'stats':
        record.missed += line.missed;
        record.dropped += line.dropped;
        record.recovered += line.recovered;
        return;
      case 'wrong':
        record.wrong.push(line.text);
        return;
      case 'logs':
        record.logs.push(`${new Date(line.at).toISOString().slice(17, 23)} ${line.text}`);
        if (record.logs.length > 200) record.logs.shift();
    }
  }

  /** The interruption of a process is over, because it is connected again or has ended. */
  endOf(slot: string, life: string, at: number): void {
    const from = this.#interruptedAt.get(life);
    this.#interruptedAt.delete(life);
    if (from !== undefined) this.troubles.push({ slot, why: 'interrupted', from, to: at });
  }

  recordOf(slot: string): ProcessRecord {
    const record = this.records.get(slot) ?? {
      rss: [],
      stoodStill: [],
      wrong: [],
      logs: [],
      missed: 0,
      dropped: 0,
      recovered: 0,
      interruptions: 0,
    };
    this.records.set(slot, record);
    return record;
  }

  #begin({ id, kind, key, at }: Extract<Line, { what: 'begun' }>): void {
    const [publisher = '', , number] = id.split(':');
    this.publishes.set(id, { id, kind, publisher, number: Number(number), key, begunAt: at });
  }
}
