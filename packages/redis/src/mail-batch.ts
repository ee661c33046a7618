import type { Redis } from 'ioredis';
import { fits, SharedBatch } from './batch.js';
import { toFrame } from './frame.js';
import { mailChannel } from './names.js';

/** A message to the inbox of one instance. */
export interface Mail {
  readonly address: string;
  readonly body: string;
}

/** What one turn of the event loop sent to one address. Resolves with whether anybody received it. */
export class MailBatch extends SharedBatch<boolean> {
  size = 0;
  readonly #address: string;
  readonly #bodies: string[] = [];

  constructor({ address }: Mail) {
    super();
    this.#address = address;
  }

  get destination(): string {
    return this.#address;
  }

  get title(): string {
    return `a message to ${this.#address}`;
  }

  /** Whether one more message still fits. */
  takes({ body }: Mail): boolean {
    return fits(this.#bodies.length, this.size, body.length);
  }

  add({ body }: Mail): void {
    this.#bodies.push(body);
    this.size += body.length;
  }

  write(client: Redis): Promise<unknown> {
    return client.spublish(mailChannel(this.#address), toFrame(this.#bodies));
  }

  protected read(reply: unknown): boolean {
    return Number(reply) > 0;
  }
}
