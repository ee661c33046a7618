import { BelfryError } from './error.js';

/**
 * An error that a request's contract declares: the handler throws it, the caller gets it with its code and data. Made by the
 * contract's `error()`. Every other error of Belfry has a code of its own list, which contracts cannot use.
 */
export class RequestError<
  Code extends string = string,
  Data = unknown,
  Name extends string = string,
> extends BelfryError<Code> {
  override readonly name: string = 'RequestError';
  /** What the contract's schema for this code describes. Not enumerable: it is payload, and loggers print what is enumerable. */
  declare readonly data: Data;
  /** The name of the request that declares it. */
  readonly request: Name;
  /** Its version. */
  readonly version: number;

  constructor({ name, version }: { readonly name: Name; readonly version: number }, code: Code, data: Data) {
    super(code, { message: `${name} answered with an error that its contract declares.` });
    this.request = name;
    this.version = version;
    Object.defineProperty(this, 'data', { value: data, enumerable: false });
  }
}

/** True for a {@link RequestError}, also for one made by another copy of this package. Never throws. */
export function isRequestError(value: unknown): value is RequestError {
  try {
    return (
      value instanceof Error &&
      value.name === 'RequestError' &&
      'code' in value &&
      'request' in value &&
      'version' in value
    );
  } catch {
    return false; // a proxy, whose traps throw
  }
}
