import type { AnyRequest, Duration, RequestOutput, RequestPayload } from '@belfry/contracts';
import type { PublishOptions } from './publication.js';

/** What a single request may be told. Everything else is taken from the contract and the current context. */
export interface AskOptions extends PublishOptions {
  /**
   * How long to wait for the answer; with `stream`, for each next value. Never longer than what is left of the request being handled.
   * @default the contract's
   */
  readonly timeout?: Duration;
  /** Ends the request, `REQUEST_ABORTED`; the handler's `signal` aborts too. The same happens when the current context's signal aborts. */
  readonly signal?: AbortSignal;
}

/** The answer: of a contract with `stream` its values, else a promise of the one. */
export type Reply<C extends AnyRequest> = C['stream'] extends true
  ? ReplyIterator<RequestOutput<C>>
  : Promise<RequestOutput<C>>;

/**
 * The values of a streamed answer. Nothing is asked before the first `next()`: without a loop nothing happens. Leaving the loop, `return()` and
 * disposal stop the handler, whose `finally` runs. An iterator that is neither gone on with nor left holds its handler's place.
 */
export interface ReplyIterator<Value> extends AsyncIterableIterator<Value, undefined, void> {
  return(): Promise<IteratorResult<Value, undefined>>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What has become of the requests that a bus asked, since it began. */
export interface RequestStats {
  /** The sum of what follows, late answers aside. */
  asked: number;
  /** The output came, or an error that the contract declares; of a stream, all of it or as much as was wanted. */
  answered: number;
  /** Ended with an error of Belfry's: timeouts and aborts too. */
  failed: number;
  /** Wait for an answer now. */
  readonly inFlight: number;
  /** Messages of answers that nobody waited for any more: they came after the timeout or the abort, and were ignored. */
  late: number;
}

/**
 * Asks questions: the half of a {@link Bus} that a handler class asks its container for.
 * A class, so that it is its own token: `constructor(@inject(Requester) private readonly requester: Requester) {}`.
 */
export abstract class Requester {
  /**
   * Asks one instance of the service that responds. Validates input and output against the contract's schemas. Always settles: there is
   * always a timeout, and it is also how long a request waits for its answer whose connection broke. A request is never sent twice.
   * @returns a promise of the output; for a contract with `stream` an iterator over the values, whose loop throws what is listed here
   * @throws RequestError an error that the contract declares: `contract.isError(error)` narrows it
   * @throws BelfryError `NO_RESPONDERS`: nobody responds, at once; `REQUEST_TIMEOUT`; `REQUEST_ABORTED`; `HANDLER_FAILED`: the handler threw
   * something else, its `errorId` stands in the responder's log; `REQUEST_REJECTED`: the responder would not take it; `REPLY_INVALID`: the
   * answer does not fit the contract; `REPLY_LOST`: a part of a stream, or the instance that was asked; `PAYLOAD_INVALID`,
   * `PAYLOAD_TOO_LARGE`, `OPTION_INVALID`, `CONTRACT_INVALID`, `UNSUPPORTED`, `BUS_CLOSED`: not sent; `TRANSPORT_UNAVAILABLE`: the broker was
   * away, not sent; `PUBLISH_REFUSED`, `SUBSCRIBE_REFUSED`: the broker said no
   */
  abstract request<C extends AnyRequest>(contract: C, input: RequestPayload<C>, options?: AskOptions): Reply<C>;
}
