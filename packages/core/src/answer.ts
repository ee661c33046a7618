import { type AnyRequest, BelfryError } from '@belfry/contracts';
import type { AnswerStream } from './answer-stream.js';
import type { Clock } from './clock.js';
import { Deadline } from './deadline.js';
import type { Failure, LetterKind } from './letter.js';
import { jsonOf } from './outgoing.js';
import type { Mailbox } from './mailbox.js';
import type { Watched } from './presence.js';

export interface AnswerOptions {
  readonly contract: AnyRequest;
  /** The request's id. */
  readonly request: string;
  /** `/service/instance` of who asks. */
  readonly caller: string;
  readonly deadline: number;
  readonly mailbox: Mailbox;
  readonly clock: Clock;
}

/** A caller may only have been interrupted: one that is missed twice in a row, a second apart, has gone. */
const SECONDS_AWAY = 2;
/** A caller that is away for so long does not come back for its answer. */
const MAX_INSISTENCE = 30_000;

/** Under this name letters find an answer: of whoever asked, because others may know or guess the id of a request, too. */
export const answerName = (caller: string, request: string): string => `${caller} ${request}`;

/** One request that is being handled: until when somebody waits for it, and what is written back. */
export class Answer implements Watched {
  readonly since: number;
  readonly patience = SECONDS_AWAY;
  misses = 0;
  readonly deadline: Deadline;
  readonly #options: AnswerOptions;
  #stream: AnswerStream | undefined;
  #isUnwanted = false;

  constructor(options: AnswerOptions) {
    const { clock, contract, deadline } = options;
    this.#options = options;
    this.since = clock.now();
    this.deadline = new Deadline(clock, deadline, contract.channel);
  }

  /** The request's id. */
  get request(): string {
    return this.#options.request;
  }

  get name(): string {
    return answerName(this.caller, this.request);
  }

  /** `/service/instance` of who asks. */
  get caller(): string {
    return this.#options.caller;
  }

  get peer(): string {
    return this.#options.mailbox.addressOf(this.caller);
  }

  /** Nobody waits any more. */
  get isUnwanted(): boolean {
    return this.#isUnwanted;
  }

  /** It has become a stream, which may be stopped and given credit. */
  become(stream: AnswerStream): void {
    this.#stream = stream;
    if (this.#isUnwanted) stream.stop();
  }

  credit(values: number): void {
    this.#stream?.credit(values);
  }

  /** The caller has aborted, or wants no more values. */
  cancel(): void {
    this.abort(
      new BelfryError('REQUEST_ABORTED', {
        message: `the caller of ${this.#options.contract.channel} has aborted it.`,
      }),
    );
  }

  lost(): void {
    this.abort(
      new BelfryError('REQUEST_ABORTED', { message: `the caller of ${this.#options.contract.channel} is gone.` }),
    );
  }

  abort(reason: unknown): void {
    this.#isUnwanted = true;
    this.deadline.abort(reason);
    this.#stream?.stop();
  }

  /** Says how it ended. Resolves with whether it was received. */
  fail(failure: Failure, sequence?: number): Promise<boolean> {
    return this.write('error', jsonOf(failure) as string, sequence);
  }

  /** Writes to the caller, for as long as it waits. After the deadline once and not again. */
  write(kind: LetterKind, dataJson?: string, sequence?: number): Promise<boolean> {
    const { mailbox, caller, request, clock } = this.#options;
    const until = Math.min(this.deadline.at, clock.now() + MAX_INSISTENCE);
    const isWanted = () => !this.#isUnwanted;
    return mailbox.insist(caller, kind, request, dataJson, sequence, { until, isWanted });
  }
}
