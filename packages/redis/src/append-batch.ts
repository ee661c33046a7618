import type { Appended, OutgoingDurableEvent } from '@belfry/core';
import type { Redis } from 'ioredis';
import { fits, SharedBatch } from './batch.js';
import { refuseEviction } from './eviction.js';
import { logKey } from './names.js';
import { toGroups } from './receipt.js';
import { appendScript, sendScript } from './scripts.js';

/**
 * Numbers the batches of one publisher on one channel, so that Redis knows one again that it is sent a second time; and notices when Redis has
 * lost what it had confirmed.
 */
export class AppendSequence {
  readonly #tellLoss: (entries: number) => void;
  #last = 0;
  /** How many entries the log has had, as far as this publisher knows. */
  #count = 0;
  /** Batches whose answer has not been heard, the oldest first. */
  readonly #open = new Set<number>();

  /** @param tellLoss called with how many confirmed entries are gone, at least */
  constructor(tellLoss: (entries: number) => void) {
    this.#tellLoss = tellLoss;
  }

  next(): number {
    this.#open.add(++this.#last);
    return this.#last;
  }

  /** The answer has been heard, or nobody waits for it any more. */
  close(number: number): void {
    this.#open.delete(number);
  }

  /** The log has had so many entries by now; so many of them are new. A restart without persistence, or a failover, takes some away. */
  counted(count: number, fresh: number): void {
    if (count - fresh < this.#count) this.#tellLoss(this.#count - (count - fresh));
    this.#count = count;
  }

  /** Up to here all answers were heard. */
  get heard(): number {
    for (const oldest of this.#open) return oldest - 1;
    return this.#last;
  }
}

/** The durable events that one turn of the event loop published on one channel. Resolves with what became of each. */
export class AppendBatch extends SharedBatch<readonly Appended[]> {
  readonly channel: string;
  size = 0;
  readonly repeatable = true;
  readonly #args: string[] = [];
  readonly #cap: number | undefined;
  #window = 0;
  #publisher = '';
  #number = 0;
  #sequence: AppendSequence | undefined;

  constructor({ channel, cap }: OutgoingDurableEvent) {
    super();
    this.channel = channel;
    this.#cap = cap;
    const close = () => this.#sequence?.close(this.#number);
    this.promise.then(close, close);
  }

  get destination(): string {
    return this.channel;
  }

  get title(): string {
    return `a publish on ${this.channel}`;
  }

  get count(): number {
    return this.#args.length / 4;
  }

  /** Whether one more event still fits. */
  takes({ body }: OutgoingDurableEvent): boolean {
    return fits(this.count, this.size, body.length);
  }

  /** Takes an event in. Resolves with what became of it. */
  add({ body, key, messageId, window, delay }: OutgoingDurableEvent): Promise<Appended> {
    const at = this.count;
    const named = window !== undefined ? `=${messageId}` : delay !== undefined ? `.${messageId}` : '';
    this.#args.push(
      key === undefined ? '' : `=${key}`,
      named,
      delay === undefined ? '' : String(Math.ceil(delay)),
      body,
    );
    this.size += body.length;
    if (window !== undefined) this.#window = window;
    return this.promise.then((answers) => answers[at]!);
  }

  /** Ends the batch. */
  seal(publisher: string, sequence: AppendSequence): void {
    this.#publisher = publisher;
    this.#sequence = sequence;
    this.#number = sequence.next();
  }

  async write(client: Redis): Promise<unknown> {
    refuseEviction(client);
    return sendScript(
      client,
      appendScript,
      [logKey(this.channel)],
      this.#publisher,
      this.#number,
      this.#sequence?.heard ?? 0,
      Math.ceil(this.#window),
      this.#cap ?? '',
      ...this.#args,
    );
  }

  protected read(reply: unknown): readonly Appended[] {
    const [listeners, entries, presence, total] = reply as [number, string[], (string | number)[], number];
    if (entries.length !== this.count) throw new Error('no answer of append.lua to this batch');
    const shared = toGroups(presence);
    // Sent a second time, nothing in it may be new: the count has gone up by it then already, and by those after it.
    const fresh = this.written ? 0 : entries.filter((entry) => /^\d/.test(entry)).length;
    this.#sequence?.counted(Number(total), fresh);
    return entries.map((entry) => {
      const duplicate = entry.startsWith('=');
      const place = duplicate ? entry.slice(1) : entry;
      return {
        entry: place === 'later' ? undefined : place,
        duplicate,
        broadcast: duplicate || place === 'later' ? 0 : Number(listeners),
        groups: shared,
      };
    });
  }
}
