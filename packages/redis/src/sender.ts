import { BelfryError } from '@belfry/contracts';
import { AppendBatch } from './append-batch.js';
import type { Batch } from './batch.js';
import type { Connection } from './connection.js';
import { EventBatch } from './event-batch.js';
import { isNoPermission, isRefusal, isUnsent, overtaken, refused, unconfirmed } from './failure.js';
import { nameLackingRight } from './lacking-rights.js';
import { isNoScript, loadScripts } from './scripts.js';
import { WaitingLine, type WaitingLineOptions, weightOf } from './waiting-line.js';

export interface SenderOptions {
  readonly connection: Connection;
  /** For messages. */
  readonly address: string;
  readonly line: WaitingLineOptions;
  readonly slotOf: (batch: Batch) => number;
  /** Redis has refused it. Whether that is because another server has to do it, or this one at another time: then it is sent again. */
  readonly isAstray: (batch: Batch, refusal: Error) => boolean;
  /** Takes what was refused and is to be sent again, and what waited behind it: to this server, or to another one. */
  readonly resend: (batches: readonly Batch[]) => void;
  /** Something that was on its way has come to its end. */
  readonly settled: () => void;
}

/** What may be unanswered, in characters: a Redis that does not read must not fill this process. What is beyond it waits. */
const MAX_UNANSWERED = 16_777_216;

/**
 * What is on its way to one server. Commands leave in order, wait within a bound while the server is away, and every one of them settles: with
 * Redis's answer, as not delivered, or as unconfirmed.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #line: WaitingLine;
  #unanswered = 0;
  #unansweredSize = 0;
  /**
   * Refused and not executed: the server has forgotten a script, or does not serve it (any more). Nothing is sent until all answers are in, so that
   * nothing overtakes them.
   */
  #refused: Batch[] = [];
  #needsScripts = false;
  #reloading = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#line = new WaitingLine(options.line);
  }

  /** Nothing is written and not answered, or has to be written again. */
  get isIdle(): boolean {
    return this.#unanswered + this.#refused.length === 0;
  }

  /** Sends it, now or when it can be sent. */
  dispatch(batch: Batch): void {
    const { client } = this.#options.connection;
    if (client === undefined || !this.#line.isEmpty || !this.#maySend) {
      this.#line.add(batch);
      this.#options.connection.open();
    } else this.#send(batch, client);
  }

  /** The connection is there (again). */
  connected(): void {
    this.#sendWaiting();
  }

  /** The connection is gone. What Redis had refused was not executed, and goes first on the next connection. */
  disconnected(): void {
    this.#keepRefused();
  }

  /** Whether something for this slot was refused and is not out of here yet. */
  refuses(slot: number): boolean {
    return this.#refused.some((batch) => this.#options.slotOf(batch) === slot);
  }

  /** Gives back what waits here; also what was refused, if no older one can be refused any more. */
  takeWaiting(): Batch[] {
    if (this.#unanswered === 0) this.#keepRefused();
    return this.#line.takeAll();
  }

  /** Gives up what still waits. */
  close(): void {
    this.#line.close();
  }

  #sendWaiting(): void {
    const { connection } = this.#options;
    while (connection.client !== undefined && this.#maySend) {
      const batch = this.#line.shift();
      if (batch === undefined) break;
      this.#send(batch, connection.client);
    }
  }

  #send(batch: Batch, client: NonNullable<Connection['client']>): void {
    this.#unanswered++;
    this.#unansweredSize += weightOf(batch);
    if (batch instanceof EventBatch) batch.flow.sent();
    batch.write(client).then(
      (reply) => {
        this.#received(batch);
        if (this.#refused.length > 0 && isOrdered(batch)) this.#rejectOvertaken(batch.channel);
        try {
          batch.resolve(reply);
        } catch {
          batch.reject(unconfirmed(batch.title, this.#options.address)); // an answer, but none to this command
        }
        this.#answered(batch, true);
      },
      (error: unknown) => {
        this.#received(batch);
        this.#failed(batch, error);
        this.#answered(batch, isRefusal(error));
      },
    );
  }

  #failed(batch: Batch, error: unknown): void {
    const { address, isAstray } = this.#options;
    if (isRefusal(error) || isUnsent(error)) batch.notExecuted?.();
    if (isNoScript(error)) {
      this.#needsScripts = true;
      this.#refused.push(batch);
    } else if (isRefusal(error)) {
      if (isAstray(batch, error)) this.#refused.push(batch);
      else void this.#refuse(batch, error);
    } else if (error instanceof BelfryError) batch.reject(error);
    else if (isUnsent(error)) this.#line.add(batch);
    else if (batch.repeatable) {
      batch.written = true;
      this.#line.add(batch);
    } else {
      batch.perhapsExecuted?.();
      batch.reject(unconfirmed(batch.title, address));
    }
  }

  async #refuse(batch: Batch, refusal: Error): Promise<void> {
    const { address, connection } = this.#options;
    if (isNoPermission(refusal) && connection.client !== undefined) await nameLackingRight(connection.client, refusal);
    batch.reject(refused('PUBLISH_REFUSED', batch.title, address, refusal));
  }

  /** A later publish of the channel got through, because what stood in the way is over: to repeat this one would turn the order round. */
  #rejectOvertaken(channel: string): void {
    const isLate = (batch: Batch) => isOrdered(batch) && batch.channel === channel;
    const late = this.#refused.filter(isLate);
    this.#refused = this.#refused.filter((batch) => !isLate(batch));
    for (const batch of late) batch.reject(overtaken(batch.title, this.#options.address));
  }

  #answered(batch: Batch, byRedis: boolean): void {
    if (batch instanceof EventBatch) batch.flow.answered();
    if (this.#refused.length > 0 && this.#unanswered === 0) void this.#sendAgain();
    else {
      if (byRedis) this.#sendWaiting(); // else the connection is breaking: what waits would only come back
      this.#options.settled();
    }
  }

  #received(batch: Batch): void {
    this.#unanswered--;
    this.#unansweredSize -= weightOf(batch);
  }

  get #maySend(): boolean {
    return this.#refused.length === 0 && !this.#reloading && this.#unansweredSize < MAX_UNANSWERED;
  }

  async #sendAgain(): Promise<void> {
    const { client } = this.#options.connection;
    if (this.#reloading || client === undefined) return;
    if (this.#needsScripts) {
      this.#reloading = true;
      await loadScripts(client).catch(() => {}); // the connection broke: its next life loads them
      this.#reloading = this.#needsScripts = false;
    }
    this.#keepRefused();
    this.#options.resend(this.#line.takeAll());
  }

  #keepRefused(): void {
    for (const batch of this.#refused.splice(0)) this.#line.add(batch);
  }
}

/** Whose messages have an order on their channel. */
const isOrdered = (batch: Batch): batch is EventBatch | AppendBatch =>
  batch instanceof EventBatch || batch instanceof AppendBatch;
