import { type Clock, type OutgoingEvent, type Receipt, settlesWithin, type Timer } from '@belfry/core';
import { BareMessage, type Batch, EventBatch } from './batch.js';
import type { Connection } from './connection.js';
import { crowdedOut, isRefusal, isUnsent, overtaken, refused, unavailable, unconfirmed } from './failure.js';
import { isNoScript, loadScripts } from './scripts.js';

export interface OutboxOptions {
  readonly connection: Connection;
  /** For messages. */
  readonly address: string;
  /** How long a publish waits for a connection, in milliseconds. */
  readonly patience: number;
  readonly clock: Clock;
}

/** What may wait while Redis is away, in characters. Beyond it a publish is rejected at once. */
const MAX_WAITING = 33_554_432;
/** What may be unanswered, in characters: a Redis that does not read must not fill this process. What is beyond it waits. */
const MAX_UNANSWERED = 16_777_216;
/** What a command costs beside its characters: promises, arguments, a place in two queues. */
const OVERHEAD = 1024;

interface Waiting {
  readonly batch: Batch;
  readonly timer: Timer;
}

/**
 * Everything that is on its way out. What one turn of the event loop publishes on one channel becomes one command. Commands leave in
 * order, wait within a bound while Redis is away, and every one of them settles: with Redis's answer, as not delivered, or as unconfirmed.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  /** What this turn has published so far; per channel the last batch still takes events. */
  #turn: Batch[] = [];
  readonly #open = new Map<string, EventBatch>();
  /** Per channel, whose turn it is. */
  readonly #turns = new Map<string, number>();
  #waiting = new Set<Waiting>();
  #waitingSize = 0;
  readonly #unanswered = new Set<Batch>();
  #unansweredSize = 0;
  /** Refused with NOSCRIPT: nothing is sent until all answers are in, so that nothing overtakes them. */
  #forgotten: Batch[] = [];
  #reloading = false;
  #nextSequence = 0;
  readonly #idle: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    let batch = this.#open.get(event.channel);
    if (batch === undefined || !batch.takes(event)) {
      batch = new EventBatch(event);
      this.#open.set(event.channel, batch);
      this.#enqueue(batch);
    }
    batch.add(event);
    return batch.promise;
  }

  publishBare(channel: string, payload: string): Promise<number> {
    const message = new BareMessage(channel, payload);
    this.#enqueue(message);
    return message.promise;
  }

  /** The connection is there (again). */
  connected(): void {
    this.#sendWaiting();
  }

  /** The connection is gone. What Redis had refused for want of a script was not executed, and goes first on the next connection. */
  disconnected(): void {
    this.#putBack(this.#forgotten.splice(0));
  }

  /** Resolves once nothing is on its way any more, or after `milliseconds`. */
  async settled(milliseconds: number): Promise<void> {
    if (this.#isIdle) return;
    await settlesWithin(this.#options.clock, milliseconds, new Promise<void>((resolve) => this.#idle.push(resolve)));
  }

  /** Rejects what still waits. */
  close(): void {
    for (const waiting of this.#waiting) {
      this.#forget(waiting);
      waiting.batch.reject(this.#unavailable(waiting.batch));
    }
  }

  get #isIdle(): boolean {
    return this.#turn.length + this.#waiting.size + this.#unanswered.size + this.#forgotten.length === 0;
  }

  #enqueue(batch: Batch): void {
    batch.sequence = this.#nextSequence++;
    this.#turn.push(batch);
    if (this.#turn.length === 1) setImmediate(() => this.#endTurn());
  }

  #endTurn(): void {
    const turn = this.#turn;
    this.#turn = [];
    this.#open.clear();
    // Several channels: one write to the socket instead of one each.
    const stream = turn.length > 1 ? this.#options.connection.client?.stream : undefined;
    stream?.cork();
    for (const batch of turn) {
      if (batch instanceof EventBatch) this.#seal(batch);
      this.#dispatch(batch);
    }
    stream?.uncork();
  }

  #seal(batch: EventBatch): void {
    const turn = this.#turns.get(batch.channel) ?? Math.floor(Math.random() * 2 ** 31);
    batch.seal(turn);
    this.#turns.set(batch.channel, (turn + batch.count) % 2 ** 48);
  }

  #dispatch(batch: Batch): void {
    const { client } = this.#options.connection;
    if (client === undefined || this.#waiting.size > 0 || !this.#maySend) this.#wait(batch);
    else this.#send(batch, client);
  }

  #wait(batch: Batch): void {
    const { connection, clock, patience } = this.#options;
    const size = weightOf(batch);
    if (this.#waitingSize + size > MAX_WAITING && this.#waitingSize > 0) {
      batch.reject(crowdedOut(batch.channel, this.#options.address));
      return;
    }
    batch.deadline ??= clock.now() + patience;
    const waiting: Waiting = {
      batch,
      timer: clock.after(Math.max(0, batch.deadline - clock.now()), () => {
        this.#forget(waiting);
        batch.reject(this.#unavailable(batch));
      }),
    };
    this.#waiting.add(waiting);
    this.#waitingSize += size;
    connection.open();
  }

  #forget(waiting: Waiting): void {
    waiting.timer.cancel();
    if (this.#waiting.delete(waiting)) this.#waitingSize -= weightOf(waiting.batch);
    this.#wakeIfIdle();
  }

  #sendWaiting(): void {
    const { connection } = this.#options;
    for (const waiting of this.#waiting) {
      if (connection.client === undefined || !this.#maySend) return;
      this.#forget(waiting);
      this.#send(waiting.batch, connection.client);
    }
  }

  #send(batch: Batch, client: NonNullable<Connection['client']>): void {
    this.#unanswered.add(batch);
    this.#unansweredSize += weightOf(batch);
    batch.write(client).then(
      (reply) => {
        this.#received(batch);
        this.#rejectOvertaken(batch.channel);
        try {
          batch.resolve(reply);
        } catch {
          batch.reject(unconfirmed(batch.channel, this.#options.address)); // an answer, but none of this script's
        }
        this.#answered(true);
      },
      (error: unknown) => {
        this.#received(batch);
        if (isNoScript(error)) this.#forgotten.push(batch);
        else if (isRefusal(error))
          batch.reject(refused('PUBLISH_REFUSED', `a publish on ${batch.channel}`, this.#options.address, error));
        else if (isUnsent(error)) this.#putBack([batch]);
        else batch.reject(unconfirmed(batch.channel, this.#options.address));
        this.#answered(isRefusal(error));
      },
    );
  }

  /** A later publish of the channel got through, by a script that somebody else had loaded again: to repeat this one would turn the order round. */
  #rejectOvertaken(channel: string): void {
    if (this.#forgotten.length === 0) return;
    const late = this.#forgotten.filter((batch) => batch.channel === channel);
    this.#forgotten = this.#forgotten.filter((batch) => batch.channel !== channel);
    for (const batch of late) batch.reject(overtaken(channel, this.#options.address));
  }

  #answered(byRedis: boolean): void {
    if (this.#forgotten.length > 0 && this.#unanswered.size === 0) void this.#reload();
    else {
      if (byRedis) this.#sendWaiting(); // else the connection is breaking: what waits would only come back
      this.#wakeIfIdle();
    }
  }

  #received(batch: Batch): void {
    this.#unanswered.delete(batch);
    this.#unansweredSize -= weightOf(batch);
  }

  get #maySend(): boolean {
    return this.#forgotten.length === 0 && !this.#reloading && this.#unansweredSize < MAX_UNANSWERED;
  }

  async #reload(): Promise<void> {
    const { client } = this.#options.connection;
    if (this.#reloading || client === undefined) return;
    this.#reloading = true;
    await loadScripts(client).catch(() => {}); // the connection broke: its next life loads them
    this.#reloading = false;
    this.#putBack(this.#forgotten.splice(0));
    this.#sendWaiting();
  }

  /** Not executed: in the line again, at its old place. */
  #putBack(batches: readonly Batch[]): void {
    for (const batch of batches) this.#wait(batch);
    this.#waiting = new Set([...this.#waiting].sort((a, b) => a.batch.sequence - b.batch.sequence));
  }

  #wakeIfIdle(): void {
    if (!this.#isIdle) return;
    for (const wake of this.#idle.splice(0)) wake();
  }

  #unavailable(batch: Batch): Error {
    const { address, patience, connection } = this.#options;
    return unavailable(
      `a publish on ${batch.channel}, which was not delivered`,
      address,
      patience,
      connection.lastError,
    );
  }
}

const weightOf = (batch: Batch): number => batch.size + OVERHEAD;
