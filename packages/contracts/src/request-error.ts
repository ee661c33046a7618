import { BelfryError } from './error.js';

/**
 * An error that a request's contract declares: the handler throws it, the caller gets it with its code and data. Made by the
 * contract's `error()`. Every other error of Belfry has a code of its own list, which contracts cannot use.
 */
export class RequestError<Code extends string = string, Data = unknown> extends BelfryError<Code> {
  override readonly name: string = 'RequestError';
  /** What the contract's schema for this code describes. Not enumerable: it is payload, and loggers print what is enumerable. */
  declare readonly data: Data;
  /** The contract that declares it: its name, and the version if that is not the first. */
  readonly request: string;

  constructor(request: string, code: Code, data: Data) {
    super(code, { message: `${request} answered with an error that its contract declares.` });
    this.request = request;
    Object.defineProperty(this, 'data', { value: data, enumerable: false });
  }
}

/** True for a {@link RequestError}, also for one made by another copy of this package. Never throws. */
export const isRequestError = (value: unknown): value is RequestError =>
  value instanceof Error && value.name === 'RequestError' && 'code' in value && 'request' in value;
