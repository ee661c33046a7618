import type { Redis } from 'ioredis';
import { SharedBatch } from './batch.js';

/** A payload for a bare channel. Always alone: who listens there knows nothing of frames. */
export class BareMessage extends SharedBatch<number> {
  readonly #channel: string;
  readonly #payload: string;

  constructor(channel: string, payload: string) {
    super();
    this.#channel = channel;
    this.#payload = payload;
  }

  get destination(): string {
    return this.#channel;
  }

  get title(): string {
    return `a publish on ${this.#channel}`;
  }

  get size(): number {
    return this.#payload.length;
  }

  write(client: Redis): Promise<unknown> {
    return client.publish(this.#channel, this.#payload);
  }

  protected read(reply: unknown): number {
    return Number(reply);
  }
}
