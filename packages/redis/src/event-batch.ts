import { crc32 } from 'node:zlib';
import type { OutgoingEvent, Receipt } from '@belfry/core';
import type { Redis } from 'ioredis';
import { fits, SharedBatch } from './batch.js';
import { membersKey } from './names.js';
import { toReceipt } from './receipt.js';
import { publishScript } from './scripts.js';

/** The events that one turn of the event loop published on one channel. */
export class EventBatch extends SharedBatch<Receipt> {
  readonly channel: string;
  size = 0;
  readonly #publicFlag: string;
  readonly #args: string[] = [];
  #turn = 0;

  constructor({ channel, public: isPublic }: OutgoingEvent) {
    super();
    this.channel = channel;
    this.#publicFlag = isPublic ? '1' : '0';
  }

  get title(): string {
    return `a publish on ${this.channel}`;
  }

  /** How many events it holds. */
  get count(): number {
    return this.#args.length / 2;
  }

  /** Whether one more event still fits. */
  takes({ body }: OutgoingEvent): boolean {
    return fits(this.count, this.size, body.length);
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

  protected read(reply: unknown): Receipt {
    return toReceipt(reply);
  }
}
