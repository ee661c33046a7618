import { BelfryError, type BelfryErrorOptions } from './error.js';
import { type Duration, toMilliseconds } from './duration.js';

type Words = Partial<BelfryErrorOptions>;

/**
 * Thrown by a handler of a durable event: to try it again makes no sense. It goes to the dead letters at once. Handlers of transient events
 * may throw it too, where it means no more than any other error.
 */
export class NonRetryableError extends BelfryError {
  // Not `name`: errors of another copy of this package are recognised, too.
  readonly retryable = false;

  constructor(message: string, options: Omit<Words, 'message'> = {}) {
    super('HANDLER_FAILED', { message, ...options });
  }
}

/**
 * Thrown by a handler of a durable event: it shall be tried again after this pause, instead of the one that `retry` would choose. It is an
 * attempt as any other: after the last one the event goes to the dead letters.
 * @throws BelfryError `OPTION_INVALID` when the delay is no duration
 */
export class RetryLaterError extends BelfryError {
  /** In milliseconds. */
  readonly retryDelay: number;

  constructor(delay: Duration, { message = 'the handler asks for a pause.', ...options }: Words = {}) {
    super('HANDLER_FAILED', { message, ...options });
    this.retryDelay = toMilliseconds(delay, 'RetryLaterError(delay)');
  }
}
