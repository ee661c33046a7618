import { crc32 } from 'node:zlib';
import type { OutgoingRequest } from '@belfry/core';
import type { Redis } from 'ioredis';
import { type Batch, fits } from './batch.js';
import { toFrame } from './frame.js';
import { membersKey } from './names.js';
import { askScript, sendScript } from './scripts.js';

/** So much travels as one frame, in characters. Texts of more than 128 KiB V8 keeps apart, each in memory of its own: that costs more than a second frame. */
const LONGEST_FRAME = 49_152;

/** The requests that one turn of the event loop asked on one channel. It tells each of them who received it. */
export class RequestBatch implements Batch {
  readonly channel: string;
  size = 0;
  sequence = 0;
  deadline: number | undefined;
  written = false;
  readonly #requests: OutgoingRequest[] = [];
  /** Those that were written, because there was still time for them: Redis's answer is about these. */
  #asked: OutgoingRequest[] = [];
  /** The others. */
  #lapsed: OutgoingRequest[] = [];
  #turn = 0;

  constructor({ channel }: OutgoingRequest) {
    this.channel = channel;
  }

  get destination(): string {
    return this.channel;
  }

  get title(): string {
    return `a request on ${this.channel}`;
  }

  /** How many requests it holds. */
  get count(): number {
    return this.#requests.length;
  }

  /** Whether one more request still fits. */
  takes({ size }: OutgoingRequest): boolean {
    return this.size + size <= LONGEST_FRAME && fits(this.count, this.size, size);
  }

  add(request: OutgoingRequest): void {
    this.#requests.push(request);
    this.size += request.size;
  }

  /** Ends the batch. `turn` says whose turn it is in the ring. */
  seal(turn: number): void {
    this.#turn = turn;
  }

  write(client: Redis): Promise<unknown> {
    const asked: OutgoingRequest[] = [];
    const lapsed: OutgoingRequest[] = [];
    const bodies: string[] = [];
    const keys: string[] = [];
    for (const request of this.#requests) {
      const body = request.encode();
      if (body === undefined) {
        lapsed.push(request);
        continue;
      }
      asked.push(request);
      bodies.push(body);
      if (request.key !== undefined) keys[bodies.length - 1] = `${crc32(request.key)}`;
    }
    this.#asked = asked;
    this.#lapsed = lapsed;
    if (asked.length === 0) return Promise.resolve(['']); // nothing to ask, nothing to answer
    keys.length = keys.length > 0 ? asked.length + 1 : 0; // a comma behind each
    const args = [this.channel, this.#turn, asked.length, keys.join(','), toFrame(bodies)];
    return sendScript(client, askScript, [membersKey(this.channel)], ...args);
  }

  resolve(reply: unknown): void {
    const receivers = receiversIn(reply, this.#asked.length);
    for (const [at, request] of this.#asked.entries()) request.dealt(receivers[at]);
    for (const request of this.#lapsed) request.dealt(undefined);
  }

  reject(error: Error): void {
    for (const request of this.#requests) request.failed(error);
  }
}

/** Who received each of so many requests, as ask.lua says it. Throws when that is no answer of it. */
function receiversIn(reply: unknown, count: number): readonly (string | undefined)[] {
  if (!Array.isArray(reply) || typeof reply[0] !== 'string') throw new Error('no answer of ask.lua');
  const [places, ...members] = reply as string[];
  if (places === '') return new Array<string | undefined>(count).fill(members[0]);
  const receivers = (places as string).split(',').map((place) => members[Number(place) - 1]);
  if (receivers.length !== count || receivers.includes(undefined)) throw new Error('no answer of ask.lua');
  return receivers;
}
