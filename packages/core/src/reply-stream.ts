import { BelfryError, type Validation } from '@belfry/contracts';
import type { CallSite } from './call-site.js';
import type { Exchange, Waiting } from './exchange.js';
import { isDeclared, replyInvalid } from './failure.js';
import { Fifo } from './fifo.js';
import { FIRST_CREDIT, type Letter } from './letter.js';
import type { ReplyIterator } from './requester.js';
import type { ReplyReader } from './single-reply.js';

export interface ReplyStreamOptions {
  /** Asks, when the first value is wanted; {@link ReplyStream.attach} tells of it. Rejects when it cannot be asked. */
  readonly begin: (stream: ReplyStream) => Promise<unknown>;
  /** Where the program asked. */
  readonly site: CallSite;
  /** How long the next value is waited for, in milliseconds. */
  readonly timeout: () => number;
  /** Bounds a schema that thinks. */
  readonly inTime: <T>(work: Promise<T>) => Promise<T>;
  readonly reader: ReplyReader;
}

type Result = IteratorResult<unknown, undefined>;
const DONE: Result = { done: true, value: undefined };

/** Some values that came together. */
interface Part {
  readonly values: readonly unknown[];
  next: number;
  readonly size: number;
}

interface Wanted {
  resolve(result: Result | Promise<Result>): void;
  reject(error: unknown): void;
}

// The responder hears how much was taken well before it has used up its credit.
const REPORT_AFTER_VALUES = FIRST_CREDIT / 2;
const REPORT_AFTER_CHARACTERS = 262_144;

/** The caller's end of a streamed answer. It holds no more than it has given credit for, and it notices when a part was lost. */
export class ReplyStream implements ReplyIterator<unknown>, Waiting {
  readonly #options: ReplyStreamOptions;
  #begun = false;
  #exchange: Exchange | undefined;
  readonly #parts = new Fifo<Part>();
  #part: Part | undefined;
  readonly #wanted = new Fifo<Wanted>();
  #received = 0;
  #taken = 0;
  #reported = 0;
  #charactersTaken = 0;
  #reportAtEnd = false;
  /** How it ends, once what came before has been taken. */
  #end: { error?: unknown } | undefined;

  constructor(options: ReplyStreamOptions) {
    this.#options = options;
  }

  next(): Promise<Result> {
    if (!this.#begun) {
      this.#begun = true;
      this.#options.begin(this).catch((error: unknown) => this.fail(error));
    }
    return new Promise((resolve, reject) => {
      this.#wanted.push({ resolve, reject });
      this.#serve();
    });
  }

  async return(): Promise<Result> {
    this.#begun = true;
    this.#stop(true);
    return DONE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The request that answers come for. False: nobody wants them any more. */
  attach(exchange: Exchange): boolean {
    this.#begun = true;
    this.#exchange = exchange;
    return this.#end === undefined;
  }

  receive(letter: Letter): void {
    const { kind, sequence, data, size } = letter;
    // More than it has credit for never comes from Belfry, and must not fill this process.
    if (sequence > this.#received || this.#received > this.#reported + FIRST_CREDIT) {
      this.#lost();
      return;
    }
    if (kind === 'values') {
      const values = (data as unknown[]).slice(this.#received - sequence); // what came twice is skipped
      if ((data as unknown[]).length === 0) {
        // The responder cannot go on, and asks whether anybody is there: it is told now, and when all is taken.
        this.#reportAtEnd = true;
        this.#report();
      }
      if (values.length === 0) return;
      this.#parts.push({ values, next: 0, size });
      this.#received += values.length;
    } else if (kind === 'reply') {
      this.#parts.push({ values: [data], next: 0, size });
      this.#exchange?.end(true);
      this.#end ??= {};
    } else if (kind === 'end') {
      this.#exchange?.end(true);
      this.#end ??= {};
    } else if (kind === 'error') {
      const { contract } = this.#exchange as Exchange;
      this.#exchange?.end(isDeclared(contract, letter));
      this.#end ??= { error: this.#options.reader.errorOf(contract, letter, this.#options.timeout()) };
    }
    this.#serve();
  }

  fail(error: unknown): void {
    if (BelfryError.is(error) && error.code === 'REQUEST_ABORTED') this.#discard();
    this.#end ??= { error };
    this.#serve();
  }

  /** Gives those who wait what there is. */
  #serve(): void {
    while (this.#wanted.length > 0) {
      const value = this.#take();
      if (value !== undefined) this.#wanted.shift()?.resolve(this.#checked(value.value));
      else if (this.#end !== undefined) this.#finish(this.#end);
      else {
        this.#exchange?.wait(this.#options.timeout());
        return;
      }
    }
    if (this.#end === undefined) this.#exchange?.rest();
  }

  #take(): { value: unknown } | undefined {
    this.#part ??= this.#parts.shift();
    if (this.#part === undefined) return undefined;
    const { values, next, size } = this.#part;
    const value = values[next];
    this.#taken++;
    if (++this.#part.next === values.length) {
      this.#part = undefined;
      this.#charactersTaken += size;
    }
    const isEmpty = this.#taken === this.#received;
    if (
      this.#taken - this.#reported >= REPORT_AFTER_VALUES ||
      this.#charactersTaken >= REPORT_AFTER_CHARACTERS ||
      (isEmpty && this.#reportAtEnd)
    )
      this.#report();
    if (isEmpty) this.#reportAtEnd = false;
    return { value };
  }

  /** Gives credit for as much as was taken. */
  #report(): void {
    this.#reported = this.#taken;
    this.#charactersTaken = 0;
    if (this.#end === undefined) this.#exchange?.tell('credit', String(this.#taken + FIRST_CREDIT));
  }

  #checked(value: unknown): Result | Promise<Result> {
    const { contract } = this.#exchange as Exchange;
    const validation = this.#options.reader.validate(contract, value);
    if (!(validation instanceof Promise)) return this.#accept(validation);
    return this.#options.inTime(validation).then(
      (done) => this.#accept(done),
      (error: unknown) => {
        this.#stop(false);
        throw this.#options.site.mark(error);
      },
    );
  }

  #accept(validation: Validation): Result | Promise<Result> {
    if (validation.valid) return { done: false, value: validation.value };
    this.#stop(false);
    const { contract } = this.#exchange as Exchange;
    return Promise.reject(this.#options.site.mark(replyInvalid(contract, validation.issues)));
  }

  #finish(end: { error?: unknown }): void {
    const wanted = this.#wanted.shift();
    const { error } = end;
    if (error === undefined) wanted?.resolve(DONE);
    else {
      delete end.error; // told once: after that it is at its end
      void Promise.resolve(error).then((known) => wanted?.reject(this.#options.site.mark(known)));
    }
  }

  #lost(): void {
    this.#exchange?.cancel(false);
    this.#end ??= {
      error: new BelfryError('REPLY_LOST', {
        message: `a part of the answer to ${this.#exchange?.contract.channel} was lost, after ${this.#received} values.`,
        hint: 'The connection to the broker was interrupted. Ask again.',
      }),
    };
    this.#serve();
  }

  /** Nobody wants the rest. */
  #stop(answered: boolean): void {
    this.#exchange?.cancel(answered);
    this.#discard();
    this.#end = {};
    this.#serve();
  }

  #discard(): void {
    this.#parts.clear();
    this.#part = undefined;
  }
}
