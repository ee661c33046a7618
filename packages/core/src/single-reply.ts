import { type AnyRequest, BelfryError, type Validation } from '@belfry/contracts';
import type { CallSite } from './call-site.js';
import type { Exchange, Waiting } from './exchange.js';
import { isDeclared, replyInvalid } from './failure.js';
import type { Letter } from './letter.js';
import type { ReplyStream } from './reply-stream.js';
import type { AskOptions } from './requester.js';

/** How answers are read: the same for all of a bus. */
export interface ReplyReader {
  validate(contract: AnyRequest, value: unknown): Validation | Promise<Validation>;
  /** Reads an `error` letter. */
  errorOf(contract: AnyRequest, letter: Letter, timeout: number): unknown | Promise<unknown>;
  /** Takes many values of a request that has been asked. */
  streamFor(contract: AnyRequest, options: AskOptions, site: CallSite): ReplyStream;
}

/** The caller's end of an answer of one value. */
export class SingleReply implements Waiting {
  readonly promise: Promise<unknown>;
  readonly #reader: ReplyReader;
  readonly #options: AskOptions;
  readonly #site: CallSite;
  #exchange: Exchange | undefined;
  #iterated = false;
  #resolve!: (output: unknown) => void;
  #reject!: (error: unknown) => void;

  /** @param site where the program asked */
  constructor(reader: ReplyReader, options: AskOptions, site: CallSite) {
    this.#reader = reader;
    this.#options = options;
    this.#site = site;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  attach(exchange: Exchange): void {
    this.#exchange = exchange;
  }

  /** The program iterates, so that many values are welcome, too. */
  iterate(): void {
    this.#iterated = true;
  }

  receive(letter: Letter): void {
    const exchange = this.#exchange as Exchange;
    const { contract } = exchange;
    if (letter.kind === 'reply') {
      const validation = this.#reader.validate(contract, letter.data);
      // A schema that thinks has what is left of the time.
      if (validation instanceof Promise) void validation.then((done) => this.#accept(done, exchange));
      else this.#accept(validation, exchange);
    } else if (letter.kind === 'error') {
      exchange.end(isDeclared(contract, letter));
      void Promise.resolve(this.#reader.errorOf(contract, letter, contract.timeout)).then((error) => this.fail(error));
    } else if (this.#iterated) {
      const stream = this.#reader.streamFor(contract, this.#options, this.#site);
      stream.attach(exchange);
      exchange.handTo(stream);
      stream.receive(letter);
      this.#resolve(stream);
    } else {
      exchange.giveUp(
        new BelfryError('REPLY_INVALID', {
          message: `${letter.source.slice(1)} answers ${contract.channel} with many values, and this side's contract has no stream: true.`,
          hint: 'Do both sides have the same version of the contract?',
        }),
      );
    }
  }

  fail(error: unknown): void {
    this.#reject(this.#site.mark(error));
  }

  #accept(validation: Validation, exchange: Exchange): void {
    const { contract } = exchange;
    if (!exchange.end(true)) return;
    if (validation.valid) this.#resolve(validation.value);
    else this.fail(replyInvalid(contract, validation.issues));
  }
}
