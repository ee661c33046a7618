import { crc32 } from 'node:zlib';
import type { OutgoingEvent, Receipt } from '@belfry/core';
import type { Redis } from 'ioredis';
import { membersKey } from './names.js';
import { publishScript } from './scripts.js';

/** One command on its way to Redis, with everything that it publishes, and the promise that all of it shares. */
export interface Batch {
  readonly channel: string;
  /** Its place in the order of everything that this instance publishes. */
  sequence: number;
  /** When it stops waiting for a connection: set when it first has to wait. */
  deadline: number | undefined;
  /** Memory that it holds, counted in characters. */
  readonly size: number;
  /** Writes the command. */
  write(client: Redis): Promise<unknown>;
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

// Bounds of what travels as one command: a longer burst becomes several, in order.
const MAX_EVENTS = 256;
const MAX_CHARACTERS = 262_144;

/** The events that one turn of the event loop published on one channel. */
export class EventBatch implements Batch {
  readonly channel: string;
  readonly promise: Promise<Receipt>;
  sequence = 0;
  deadline: number | undefined;
  size = 0;
  readonly #publicFlag: string;
  readonly #args: string[] = [];
  #turn = 0;
  #resolve!: (receipt: Receipt) => void;
  reject!: (error: Error) => void;

  constructor({ channel, public: isPublic }: OutgoingEvent) {
    this.channel = channel;
    this.#publicFlag = isPublic ? '1' : '0';
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.reject = reject;
    });
  }

  /** How many events it holds. */
  get count(): number {
    return this.#args.length / 2;
  }

  /** Whether one more event still fits. */
  takes({ body }: OutgoingEvent): boolean {
    return this.count < MAX_EVENTS && this.size + body.length <= MAX_CHARACTERS;
  }

  add({ key, body }: OutgoingEvent): void {
    this.#args.push(key === undefined ? '' : String(crc32(key)), body);
    this.size += body.length;
  }

  /** Ends the batch. `turn` says whose turn it is in every ring. */
  seal(turn: number): void {
    this.#turn = turn;
  }

  write(client: Redis): Promise<unknown> {
    return client.evalsha(
      publishScript.sha,
      1,
      membersKey(this.channel),
      this.channel,
      this.#publicFlag,
      this.#turn,
      ...this.#args,
    );
  }

  resolve(reply: unknown): void {
    this.#resolve(toReceipt(reply));
  }
}

/** A payload for a bare channel. */
export class BareMessage implements Batch {
  readonly channel: string;
  readonly promise: Promise<number>;
  sequence = 0;
  deadline: number | undefined;
  readonly #payload: string;
  #resolve!: (receivers: number) => void;
  reject!: (error: Error) => void;

  constructor(channel: string, payload: string) {
    this.channel = channel;
    this.#payload = payload;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.reject = reject;
    });
  }

  get size(): number {
    return this.#payload.length;
  }

  write(client: Redis): Promise<unknown> {
    return client.publish(this.channel, this.#payload);
  }

  resolve(reply: unknown): void {
    this.#resolve(Number(reply));
  }
}

/** Reads what `publish.lua` and `audience.lua` return: the broadcast count, then name and count of each group. */
export function toReceipt(reply: unknown): Receipt {
  const [broadcast, ...rest] = reply as (string | number)[];
  const groups: Record<string, number> = {};
  for (let i = 0; i < rest.length; i += 2) groups[String(rest[i])] = Number(rest[i + 1]);
  return Object.freeze({ broadcast: Number(broadcast), groups: Object.freeze(groups) });
}
