import { crc32 } from 'node:zlib';
import { numbered, numberedOwn, type OutgoingEvent, type Receipt, systemClock } from '@belfry/core';
import type { Redis } from 'ioredis';
import { fits, SharedBatch } from './batch.js';
import type { EventFlow } from './event-flow.js';
import { FRAME_BEGINNING, renumbered, toRecord, toSharedRecord } from './frame.js';
import { historyKey, membersKey } from './names.js';
import { toReceipt } from './receipt.js';
import { burstScript, publishScript, recoverScript, sendScript } from './scripts.js';

/** Where so many events are kept, those of a frame are kept together: the bound is then met by a frame more or less. */
const MANY_KEPT = 1000;

/** Events of one channel that leave together. */
export class EventBatch extends SharedBatch<Receipt> {
  readonly flow: EventFlow;
  size = 0;
  /** How many events it holds. */
  count = 0;
  readonly #first: OutgoingEvent;
  #events: OutgoingEvent[] = [];
  #keys = '';
  #hasKeys = false;
  /** What was written, in place of the events: they would live as long as the command, and cost more. */
  #frame: string | undefined;
  #numbers: readonly number[] = [];
  #turn: number | undefined;

  constructor(event: OutgoingEvent, flow: EventFlow) {
    super();
    this.#first = event;
    this.flow = flow;
  }

  get channel(): string {
    return this.#first.channel;
  }

  get destination(): string {
    return this.channel;
  }

  get title(): string {
    return `a publish on ${this.channel}`;
  }

  /** Whether one more event still fits. */
  takes({ shared, body }: OutgoingEvent): boolean {
    return fits(this.count, this.size, body.length) && typeof shared === typeof this.#first.shared;
  }

  add(event: OutgoingEvent): void {
    if (event.key !== undefined) this.#hasKeys = true;
    this.#events.push(event);
    this.count++;
    this.size += event.body.length;
  }

  /** Numbers the events, and sends them in one command. */
  write(client: Redis): Promise<unknown> {
    const { flow, count } = this;
    const { shared, recovery } = this.#first;
    this.#turn ??= flow.nextTurn(count);
    this.#numbers = flow.sequence.take(count);
    const uncertain = flow.sequence.uncertain(count, systemClock.now());
    const isBurst = count > 1 && shared !== undefined && (recovery === undefined || recovery.count >= MANY_KEPT);
    const keys = [membersKey(this.channel)];
    const head = [this.channel, this.#first.public ? '1' : '0', this.#turn];
    const bounds = recovery === undefined ? [] : [Math.ceil(recovery.age), recovery.count];
    if (recovery !== undefined) keys.push(historyKey(this.channel));
    if (isBurst) {
      const frame = this.#frameWith(uncertain);
      const texts = recovery === undefined ? [frame] : [frame.slice(FRAME_BEGINNING.length), count, ...bounds];
      return sendScript(client, burstScript, keys, ...head, this.#keys, ...texts);
    }
    const script = recovery === undefined ? publishScript : recoverScript;
    return sendScript(client, script, keys, ...head, ...bounds, ...this.#apart(uncertain));
  }

  perhapsExecuted(): void {
    this.flow.sequence.lose(this.#numbers);
  }

  notExecuted(): void {
    this.flow.sequence.giveBack(this.#numbers);
  }

  protected read(reply: unknown): Receipt {
    return toReceipt(reply);
  }

  #frameWith(uncertain: string | undefined): string {
    const before = this.#frame;
    this.#frame = before === undefined ? this.#toFrame(uncertain) : renumbered(before, this.#numbers, uncertain);
    return this.#frame;
  }

  #toFrame(uncertain: string | undefined): string {
    let frame = '';
    let before: string | undefined;
    for (let at = 0; at < this.count; at++) {
      const { shared, body, key } = this.#events[at]!;
      if (shared !== before) frame += toSharedRecord(shared!);
      before = shared;
      frame += toRecord(numberedOwn(body, this.#numbers[at]!, uncertain));
      if (this.#hasKeys) this.#keys += `${checksum(key)},`;
    }
    this.#events = [];
    return frame;
  }

  /** For each event two arguments. */
  #apart(uncertain: string | undefined): string[] {
    return this.#events.flatMap((event, at) => [checksum(event.key), numbered(event, this.#numbers[at]!, uncertain)]);
  }
}

const checksum = (key: string | undefined): string => (key === undefined ? '' : String(crc32(key)));
