import { type Clock, type OutgoingEvent, type Receipt, settlesWithin, type Timer } from '@belfry/core';
import { BareMessage, type Batch, EventBatch } from './batch.js';
import type { Connection } from './connection.js';
import { isRefusal, isUnsent, refused, unavailable, unconfirmed } from './failure.js';
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
const MAX_WAITING = 67_108_864;

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
  #waiting: Waiting[] = [];
  #waitingSize = 0;
  readonly #unanswered = new Set<Batch>();
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
    for (const { batch, timer } of this.#waiting.splice(0)) {
      timer.cancel();
      batch.reject(this.#unavailable(batch));
    }
  }

  get #isIdle(): boolean {
    return this.#turn.length + this.#waiting.length + this.#unanswered.size + this.#forgotten.length === 0;
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
    for (const batch of turn) {
      if (batch instanceof EventBatch) this.#seal(batch);
      this.#dispatch(batch);
    }
  }

  #seal(batch: EventBatch): void {
    const turn = this.#turns.get(batch.channel) ?? Math.floor(Math.random() * 2 ** 31);
    batch.seal(turn);
    this.#turns.set(batch.channel, (turn + batch.count) % 2 ** 48);
  }

  #dispatch(batch: Batch): void {
    const { client } = this.#options.connection;
    if (client === undefined || this.#waiting.length > 0 || this.#forgotten.length > 0 || this.#reloading)
      this.#wait(batch);
    else this.#send(batch, client);
  }

  #wait(batch: Batch): void {
    const { connection, clock, patience } = this.#options;
    if (this.#waitingSize + batch.size > MAX_WAITING && this.#waitingSize > 0) {
      batch.reject(this.#unavailable(batch));
      return;
    }
    const waiting: Waiting = {
      batch,
      timer: clock.after(patience, () => {
        this.#forget(waiting);
        batch.reject(this.#unavailable(batch));
      }),
    };
    this.#waiting.push(waiting);
    this.#waitingSize += batch.size;
    connection.open();
  }

  #forget(waiting: Waiting): void {
    waiting.timer.cancel();
    this.#waitingSize -= waiting.batch.size;
    const index = this.#waiting.indexOf(waiting);
    if (index !== -1) this.#waiting.splice(index, 1);
    this.#wakeIfIdle();
  }

  #sendWaiting(): void {
    const { connection } = this.#options;
    while (connection.client !== undefined && this.#forgotten.length === 0 && !this.#reloading) {
      const [waiting] = this.#waiting;
      if (waiting === undefined) return;
      this.#forget(waiting);
      this.#send(waiting.batch, connection.client);
    }
  }

  #send(batch: Batch, client: NonNullable<Connection['client']>): void {
    this.#unanswered.add(batch);
    batch.write(client).then(
      (reply) => {
        this.#unanswered.delete(batch);
        this.#rejectOvertaken(batch.channel);
        batch.resolve(reply);
        this.#answered();
      },
      (error: unknown) => {
        this.#unanswered.delete(batch);
        if (isNoScript(error)) this.#forgotten.push(batch);
        else if (isRefusal(error))
          batch.reject(refused('PUBLISH_REFUSED', `a publish on ${batch.channel}`, this.#options.address, error));
        else if (isUnsent(error)) this.#putBack([batch]);
        else batch.reject(unconfirmed(batch.channel, this.#options.address));
        this.#answered();
      },
    );
  }

  /** A later publish of the channel got through, by a script that somebody else had loaded again: to repeat this one would turn the order round. */
  #rejectOvertaken(channel: string): void {
    if (this.#forgotten.length === 0) return;
    const overtaken = this.#forgotten.filter((batch) => batch.channel === channel);
    this.#forgotten = this.#forgotten.filter((batch) => batch.channel !== channel);
    for (const batch of overtaken) batch.reject(this.#unavailable(batch));
  }

  #answered(): void {
    if (this.#forgotten.length > 0 && this.#unanswered.size === 0) void this.#reload();
    else this.#wakeIfIdle();
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
    this.#waiting.sort((a, b) => a.batch.sequence - b.batch.sequence);
  }

  #wakeIfIdle(): void {
    if (!this.#isIdle) return;
    for (const wake of this.#idle.splice(0)) wake();
  }

  #unavailable(batch: Batch): Error {
    const { address, patience, connection } = this.#options;
    return unavailable(`a publish on ${batch.channel} was not delivered`, address, patience, connection.lastError);
  }
}
