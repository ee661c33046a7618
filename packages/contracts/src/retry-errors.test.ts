import { describe, expect, it } from 'vitest';
import { BelfryError, NonRetryableError, RetryLaterError } from './index.js';

describe('NonRetryableError', () => {
  it('is a BelfryError that says so of itself, for whoever has another copy of this package', () => {
    const cause = new Error('no such customer');
    const error = new NonRetryableError('the customer is gone.', { cause, hint: 'Look at the order.' });
    expect(BelfryError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: 'HANDLER_FAILED', retryable: false, cause, hint: 'Look at the order.' });
    expect(error.message).toBe('HANDLER_FAILED: the customer is gone. Look at the order.');
  });
});

describe('RetryLaterError', () => {
  it('says for how long, in milliseconds', () => {
    expect(new RetryLaterError('10m')).toMatchObject({ code: 'HANDLER_FAILED', retryDelay: 600_000 });
    expect(new RetryLaterError(250, { message: 'the bank is closed.' }).message).toBe(
      'HANDLER_FAILED: the bank is closed.',
    );
  });

  it('refuses what is no duration', () => {
    expect(() => new RetryLaterError('soon' as '1s')).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
    expect(() => new RetryLaterError(-1)).toThrow(/RetryLaterError\(delay\) is -1/);
  });
});
