import { crc32 } from 'node:zlib';
import { numbered, type OutgoingEvent, type Receipt } from '@belfry/core';
import type { Redis } from 'ioredis';
import { fits, SharedBatch } from './batch.js';
import { historyKey, membersKey } from './names.js';
import { toReceipt } from './receipt.js';
import { publishScript, recoverScript } from './scripts.js';
import type { Sequence } from './sequence.js';

/** The events that one turn of the event loop published on one channel. */
export class EventBatch extends SharedBatch<Receipt> {
  readonly channel: string;
  size = 0;
  readonly #publicFlag: string;
  readonly #recovery: OutgoingEvent['recovery'];
  readonly #keys: string[] = [];
  readonly #bodies: string[] = [];
  #sequence: Sequence | undefined;
  #numbers: readonly number[] = [];
  #turn = 0;

  constructor({ channel, recovery, public: isPublic }: OutgoingEvent) {
    super();
    this.channel = channel;
    this.#recovery = recovery;
    this.#publicFlag = isPublic ? '1' : '0';
  }

  get title(): string {
    return `a publish on ${this.channel}`;
  }

  /** How many events it holds. */
  get count(): number {
    return this.#bodies.length;
  }

  /** Whether one more event still fits. */
  takes({ body }: OutgoingEvent): boolean {
    return fits(this.count, this.size, body.length);
  }

  add({ key, body }: OutgoingEvent): void {
    this.#keys.push(key === undefined ? '' : String(crc32(key)));
    this.#bodies.push(body);
    this.size += body.length;
  }

  /** Ends the batch. `turn` says whose turn it is in every ring; the sequence numbers its events when they are written. */
  seal(turn: number, sequence: Sequence): void {
    this.#turn = turn;
    this.#sequence = sequence;
  }

  write(client: Redis): Promise<unknown> {
    const { channel, count } = this;
    this.#numbers = this.#sequence!.take(count);
    const args: string[] = [];
    const uncertain = this.#sequence!.uncertain(count, Date.now());
    for (let at = 0; at < count; at++)
      args.push(this.#keys[at]!, numbered(this.#bodies[at]!, this.#numbers[at]!, uncertain));
    const members = membersKey(channel);
    if (this.#recovery === undefined)
      return client.evalsha(publishScript.sha, 1, members, channel, this.#publicFlag, this.#turn, ...args);
    const { age, count: most } = this.#recovery;
    return client.evalsha(
      recoverScript.sha,
      2,
      members,
      historyKey(channel),
      channel,
      this.#publicFlag,
      this.#turn,
      Math.ceil(age),
      most,
      ...args,
    );
  }

  perhapsExecuted(): void {
    this.#sequence!.lose(this.#numbers);
  }

  notExecuted(): void {
    this.#sequence!.giveBack(this.#numbers);
  }

  protected read(reply: unknown): Receipt {
    return toReceipt(reply);
  }
}
