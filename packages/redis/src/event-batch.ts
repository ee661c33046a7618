import { crc32 } from 'node:zlib';
import { numbered, numberedOwn, type OutgoingEvent, type Receipt } from '@belfry/core';
import type { Redis } from 'ioredis';
import { fits, SharedBatch } from './batch.js';
import { toRecord, toSharedRecord } from './frame.js';
import { historyKey, membersKey } from './names.js';
import { toReceipt } from './receipt.js';
import { burstScript, publishScript, recoverScript } from './scripts.js';
import type { Sequence } from './sequence.js';

/** The events that one turn of the event loop published on one channel. */
export class EventBatch extends SharedBatch<Receipt> {
  readonly channel: string;
  size = 0;
  readonly #events: OutgoingEvent[] = [];
  #hasKeys = false;
  #sequence: Sequence | undefined;
  #numbers: readonly number[] = [];
  #turn = 0;

  constructor({ channel }: OutgoingEvent) {
    super();
    this.channel = channel;
  }

  get title(): string {
    return `a publish on ${this.channel}`;
  }

  /** How many events it holds. */
  get count(): number {
    return this.#events.length;
  }

  /** Whether one more event still fits. */
  takes({ shared, body }: OutgoingEvent): boolean {
    const first = this.#events[0];
    return fits(this.count, this.size, body.length) && (first === undefined || typeof first.shared === typeof shared);
  }

  add(event: OutgoingEvent): void {
    if (event.key !== undefined) this.#hasKeys = true;
    this.#events.push(event);
    this.size += event.body.length;
  }

  /** Ends the batch. `turn` says whose turn it is in every ring; the sequence numbers its events when they are written. */
  seal(turn: number, sequence: Sequence): void {
    this.#turn = turn;
    this.#sequence = sequence;
  }

  write(client: Redis): Promise<unknown> {
    const events = this.#events;
    const { shared, recovery } = events[0]!;
    this.#numbers = this.#sequence!.take(events.length);
    const uncertain = this.#sequence!.uncertain(events.length, Date.now());
    if (recovery !== undefined) return this.#writeKept(client, recovery, uncertain);
    if (events.length > 1 && shared !== undefined) return this.#writeBurst(client, uncertain);
    return client.evalsha(publishScript.sha, 1, membersKey(this.channel), ...this.#head(), ...this.#apart(uncertain));
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

  #writeBurst(client: Redis, uncertain: string | undefined): Promise<unknown> {
    let frame = '';
    let keys = '';
    let before: string | undefined;
    for (const [at, { shared, body, key }] of this.#events.entries()) {
      if (shared !== before) frame += toSharedRecord(shared!);
      before = shared;
      frame += toRecord(numberedOwn(body, this.#numbers[at]!, uncertain));
      if (this.#hasKeys) keys += `${checksum(key)},`;
    }
    return client.evalsha(burstScript.sha, 1, membersKey(this.channel), ...this.#head(), keys, frame);
  }

  #writeKept(
    client: Redis,
    { age, count }: NonNullable<OutgoingEvent['recovery']>,
    uncertain: string | undefined,
  ): Promise<unknown> {
    const keys = [membersKey(this.channel), historyKey(this.channel)];
    const bounds = [Math.ceil(age), count];
    return client.evalsha(recoverScript.sha, 2, ...keys, ...this.#head(), ...bounds, ...this.#apart(uncertain));
  }

  /** The arguments that all scripts begin with. */
  #head(): [channel: string, isPublic: string, turn: number] {
    return [this.channel, this.#events[0]!.public ? '1' : '0', this.#turn];
  }

  /** For each event two arguments. */
  #apart(uncertain: string | undefined): string[] {
    return this.#events.flatMap((event, at) => [
      checksum(event.key),
      numbered(event, this.#numbers[at]!, uncertain),
    ]);
  }
}

const checksum = (key: string | undefined): string => (key === undefined ? '' : String(crc32(key)));
