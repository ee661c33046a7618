import { BelfryError } from '@belfry/contracts';
import {
  type Appended,
  type Clock,
  type Logger,
  type OutgoingDurableEvent,
  type OutgoingEvent,
  type OutgoingRequest,
  type Receipt,
  settlesWithin,
  type Timer,
} from '@belfry/core';
import { AppendBatch, AppendSequence } from './append-batch.js';
import { BareMessage } from './bare-message.js';
import type { Batch } from './batch.js';
import type { Connection } from './connection.js';
import { EventBatch } from './event-batch.js';
import { EventFlow, type EventFlowOptions } from './event-flow.js';
import { crowdedOut, isRefusal, isUnsent, overtaken, refused, unavailable, unconfirmed } from './failure.js';
import { type Mail, MailBatch } from './mail-batch.js';
import { RequestBatch } from './request-batch.js';
import { isNoScript, loadScripts } from './scripts.js';

export interface OutboxOptions {
  readonly connection: Connection;
  /** For messages. */
  readonly address: string;
  /** How long something waits for a connection, in milliseconds. */
  readonly patience: number;
  /** Who appends: the instance's id. */
  readonly instance: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What may wait while Redis is away, in characters. What is beyond it is rejected at once. */
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
 * Everything that is on its way out. What one turn of the event loop publishes or asks on one channel, or sends to one address, becomes
 * one command. Commands leave in order, wait within a bound while Redis is away, and every one of them settles: with Redis's answer, as
 * not delivered, or as unconfirmed.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  /**
   * What this turn has brought so far; per channel or address the last batch still takes more. The maps are made anew and not cleared: V8 leaves a
   * pointer from a cleared table to the next, and once one of them is in the old generation everything that was ever sent is kept until all of the
   * heap is collected.
   */
  #turn: Batch[] = [];
  #openRequests = new Map<string, RequestBatch>();
  #openMail = new Map<string, MailBatch>();
  #openAppends = new Map<string, AppendBatch>();
  /** Per channel, which batch it is that is appended next. */
  readonly #appendSequences = new Map<string, AppendSequence>();
  /** Per channel, its events. */
  readonly #flows = new Map<string, EventFlow>();
  readonly #flowing: EventFlowOptions;
  /** Per channel of requests, whose turn it is. */
  readonly #turns = new Map<string, number>();
  #waiting = new Set<Waiting>();
  #waitingSize = 0;
  #unanswered = 0;
  #unansweredSize = 0;
  /** Refused with NOSCRIPT: nothing is sent until all answers are in, so that nothing overtakes them. */
  #forgotten: Batch[] = [];
  #reloading = false;
  #nextSequence = 0;
  readonly #idle: (() => void)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { address, patience, clock } = options;
    this.#flowing = {
      enqueue: (batch) => this.#enqueue(batch),
      dispatch: (batch) => this.#dispatch(batch),
      giveUp: (batch, reason) => {
        batch.reject(reason === 'time' ? this.#givenUp(batch) : crowdedOut(batch.title, address));
        this.#wakeIfIdle();
      },
      held: { count: 0, size: 0 },
      patience,
      clock,
    };
  }

  publish(event: OutgoingEvent): Promise<Receipt> {
    let flow = this.#flows.get(event.channel);
    if (flow === undefined) {
      flow = new EventFlow(this.#flowing);
      this.#flows.set(event.channel, flow);
    }
    return flow.publish(event);
  }

  /** Appends to the log of a durable channel. What was not answered is sent again, and recognised. */
  append(event: OutgoingDurableEvent): Promise<Appended> {
    return this.#batchFor(event.channel, event, this.#openAppends, AppendBatch).add(event);
  }

  /** Tells the request who received it. */
  ask(request: OutgoingRequest): void {
    this.#batchFor(request.channel, request, this.#openRequests, RequestBatch).add(request);
  }

  /** Resolves with whether anybody received it. */
  send(mail: Mail): Promise<boolean> {
    const batch = this.#batchFor(mail.address, mail, this.#openMail, MailBatch);
    batch.add(mail);
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
    for (const flow of this.#flows.values()) flow.close();
    for (const waiting of this.#waiting) {
      this.#forget(waiting);
      waiting.batch.reject(this.#givenUp(waiting.batch));
    }
  }

  get #isIdle(): boolean {
    const waiting = this.#waiting.size + this.#flowing.held.count;
    return this.#turn.length + waiting + this.#unanswered + this.#forgotten.length === 0;
  }

  /** The batch that takes this item, of those for the same destination. */
  #batchFor<Item, B extends Batch & { takes(item: Item): boolean }>(
    destination: string,
    item: Item,
    open: Map<string, B>,
    Kind: new (item: Item) => B,
  ): B {
    let batch = open.get(destination);
    if (batch === undefined || !batch.takes(item)) {
      batch = new Kind(item);
      open.set(destination, batch);
      this.#enqueue(batch);
    }
    return batch;
  }

  #enqueue(batch: Batch): void {
    batch.sequence = this.#nextSequence++;
    this.#turn.push(batch);
    if (this.#turn.length === 1) setImmediate(() => this.#endTurn());
  }

  #endTurn(): void {
    const turn = this.#turn;
    this.#turn = [];
    if (this.#openRequests.size > 0) this.#openRequests = new Map();
    if (this.#openMail.size > 0) this.#openMail = new Map();
    if (this.#openAppends.size > 0) this.#openAppends = new Map();
    // Several commands: one write to the socket instead of one each.
    const stream = turn.length > 1 ? this.#options.connection.client?.stream : undefined;
    stream?.cork();
    for (const batch of turn) {
      if (batch instanceof EventBatch) {
        batch.flow.leave(batch);
        continue;
      }
      if (batch instanceof RequestBatch) this.#seal(batch);
      else if (batch instanceof AppendBatch) batch.seal(this.#options.instance, this.#appendSequenceOf(batch.channel));
      this.#dispatch(batch);
    }
    stream?.uncork();
  }

  #seal(batch: RequestBatch): void {
    const turn = this.#turns.get(batch.channel) ?? Math.floor(Math.random() * 2 ** 31);
    batch.seal(turn);
    this.#turns.set(batch.channel, (turn + batch.count) % 2 ** 48);
  }

  #appendSequenceOf(channel: string): AppendSequence {
    const sequence =
      this.#appendSequences.get(channel) ?? new AppendSequence((entries) => this.#tellLoss(channel, entries));
    this.#appendSequences.set(channel, sequence);
    return sequence;
  }

  #tellLoss(channel: string, entries: number): void {
    this.#options.logger.error(
      { channel, lost: entries, address: this.#options.address },
      'Redis has lost events that it had confirmed: it was restarted without its data or with older data, or a replica took over.',
    );
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
      const { address } = this.#options;
      batch.reject(batch.written ? unconfirmed(batch.title, address) : crowdedOut(batch.title, address));
      return;
    }
    batch.deadline ??= clock.now() + patience;
    const waiting: Waiting = {
      batch,
      timer: clock.after(Math.max(0, batch.deadline - clock.now()), () => {
        this.#forget(waiting);
        batch.reject(this.#givenUp(batch));
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
    this.#unanswered++;
    this.#unansweredSize += weightOf(batch);
    if (batch instanceof EventBatch) batch.flow.sent();
    batch.write(client).then(
      (reply) => {
        this.#received(batch);
        if (this.#forgotten.length > 0 && isOrdered(batch)) this.#rejectOvertaken(batch.channel);
        try {
          batch.resolve(reply);
        } catch {
          batch.reject(unconfirmed(batch.title, this.#options.address)); // an answer, but none to this command
        }
        this.#answered(batch, true);
      },
      (error: unknown) => {
        this.#received(batch);
        if (isRefusal(error) || isUnsent(error)) batch.notExecuted?.();
        if (isNoScript(error)) this.#forgotten.push(batch);
        else if (isRefusal(error)) batch.reject(refused('PUBLISH_REFUSED', batch.title, this.#options.address, error));
        else if (error instanceof BelfryError) batch.reject(error);
        else if (isUnsent(error)) this.#putBack([batch]);
        else if (batch.repeatable) {
          batch.written = true;
          this.#putBack([batch]);
        } else {
          batch.perhapsExecuted?.();
          batch.reject(unconfirmed(batch.title, this.#options.address));
        }
        this.#answered(batch, isRefusal(error));
      },
    );
  }

  /** A later publish of the channel got through, by a script that somebody else had loaded again: to repeat this one would turn the order round. */
  #rejectOvertaken(channel: string): void {
    const isLate = (batch: Batch) => isOrdered(batch) && batch.channel === channel;
    const late = this.#forgotten.filter(isLate);
    this.#forgotten = this.#forgotten.filter((batch) => !isLate(batch));
    for (const batch of late) batch.reject(overtaken(batch.title, this.#options.address));
  }

  #answered(batch: Batch, byRedis: boolean): void {
    if (batch instanceof EventBatch) batch.flow.answered();
    if (this.#forgotten.length > 0 && this.#unanswered === 0) void this.#reload();
    else {
      if (byRedis) this.#sendWaiting(); // else the connection is breaking: what waits would only come back
      this.#wakeIfIdle();
    }
  }

  #received(batch: Batch): void {
    this.#unanswered--;
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

  #givenUp(batch: Batch): Error {
    return batch.written ? unconfirmed(batch.title, this.#options.address) : this.#unavailable(batch);
  }

  #unavailable(batch: Batch): Error {
    const { address, patience, connection } = this.#options;
    return unavailable(`${batch.title}, which was not delivered`, address, patience, connection.lastError);
  }
}

const weightOf = (batch: Batch): number => batch.size + OVERHEAD;

/** Whose messages have an order on their channel. */
const isOrdered = (batch: Batch): batch is EventBatch | AppendBatch =>
  batch instanceof EventBatch || batch instanceof AppendBatch;
