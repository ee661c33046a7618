import { crc32 } from 'node:zlib';
import type { OutgoingRequest } from '@belfry/core';
import type { Redis } from 'ioredis';
import { fits, SharedBatch } from './batch.js';
import { membersKey } from './names.js';
import { askScript } from './scripts.js';

/** The requests that one turn of the event loop asked on one channel. Resolves with who received each of them. */
export class RequestBatch extends SharedBatch<readonly (string | undefined)[]> {
  readonly channel: string;
  size = 0;
  readonly #requests: OutgoingRequest[] = [];
  /** Which of them were written, because there was still time for them: Redis's answer is about these. */
  readonly #written: number[] = [];
  #turn = 0;

  constructor({ channel }: OutgoingRequest) {
    super();
    this.channel = channel;
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
    return fits(this.count, this.size, size);
  }

  /** Takes a request in. Resolves with who received it. */
  add(request: OutgoingRequest): Promise<string | undefined> {
    const at = this.#requests.push(request) - 1;
    this.size += request.size;
    return this.promise.then((receivers) => receivers[at]);
  }

  /** Ends the batch. `turn` says whose turn it is in the ring. */
  seal(turn: number): void {
    this.#turn = turn;
  }

  async write(client: Redis): Promise<unknown> {
    const args: string[] = [];
    this.#written.length = 0;
    for (const [at, request] of this.#requests.entries()) {
      const body = request.encode();
      if (body === undefined) continue;
      this.#written.push(at);
      args.push(request.key === undefined ? '' : String(crc32(request.key)), body);
    }
    if (args.length === 0) return []; // nothing to ask, nothing to answer
    return client.evalsha(askScript.sha, 1, membersKey(this.channel), this.channel, this.#turn, ...args);
  }

  protected read(reply: unknown): readonly (string | undefined)[] {
    if (!Array.isArray(reply) || reply.length !== this.#written.length) throw new Error('no answer of ask.lua');
    const receivers = new Array<string | undefined>(this.count);
    for (const [i, at] of this.#written.entries()) receivers[at] = reply[i] === '' ? undefined : String(reply[i]);
    return receivers;
  }
}
