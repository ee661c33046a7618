import { type AnyRequest, BelfryError } from '@belfry/contracts';
import type { AnswerStream } from './answer-stream.js';
import type { Clock } from './clock.js';
import { Deadline } from './deadline.js';
import type { Failure, LetterKind } from './letter.js';
import { jsonOf } from './outgoing.js';
import type { Mailbox } from './mailbox.js';
import { type Insistence, OutgoingLetter } from './outgoing-letter.js';
import type { Watched } from './presence.js';

/** What all answers of a responder have in common. */
export interface AnswerDesk {
  readonly contract: AnyRequest;
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
export class Answer implements Watched, Insistence {
  /** The request's id. */
  readonly request: string;
  /** `/service/instance` of who asks. */
  readonly caller: string;
  readonly since: number;
  readonly patience = SECONDS_AWAY;
  misses = 0;
  readonly deadline: Deadline;
  /** Until when what was written last is insisted on. */
  until = 0;
  readonly #desk: AnswerDesk;
  #stream: AnswerStream | undefined;
  #isUnwanted = false;

  /**
   * @param deadline on the clock
   * @param now on the clock
   */
  constructor(desk: AnswerDesk, request: string, caller: string, deadline: number, now: number) {
    this.#desk = desk;
    this.request = request;
    this.caller = caller;
    this.since = now;
    this.deadline = new Deadline(desk.clock, deadline, desk.contract.channel);
  }

  get name(): string {
    return answerName(this.caller, this.request);
  }

  get peer(): string {
    return this.#desk.mailbox.addressOf(this.caller);
  }

  get isWanted(): boolean {
    return !this.#isUnwanted;
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
        message: `the caller of ${this.#desk.contract.channel} has aborted it.`,
      }),
    );
  }

  lost(): void {
    this.abort(
      new BelfryError('REQUEST_ABORTED', { message: `the caller of ${this.#desk.contract.channel} is gone.` }),
    );
  }

  abort(reason: unknown): void {
    this.#isUnwanted = true;
    this.deadline.abort(reason);
    this.#stream?.stop();
  }

  /** Says how it ended. @param done called once that was received, or given up */
  fail(failure: Failure, sequence?: number, done?: (received: boolean) => void): void {
    this.write('error', jsonOf(failure), sequence, done);
  }

  /** Writes to the caller, for as long as it waits. After the deadline once and not again. */
  write(kind: LetterKind, dataJson?: string, sequence?: number, done?: (received: boolean) => void): void {
    const { mailbox, clock } = this.#desk;
    this.until = Math.min(this.deadline.at, clock.now() + MAX_INSISTENCE);
    mailbox.post(new OutgoingLetter(this.caller, kind, this.request, dataJson, sequence, this, done));
  }
}
