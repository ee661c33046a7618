import { describe, expect, it } from 'vitest';
import { pauseAfter, resolveRetry, type RetryOptions, type RetryPolicy } from './retry.js';

function resolved(options?: unknown): { policy: RetryPolicy; mistakes: string[] } {
  const mistakes: string[] = [];
  const policy = resolveRetry(options as RetryOptions | undefined, (mistake) => void mistakes.push(mistake));
  return { policy, mistakes };
}

/** The pauses after the first attempts. @param chance what the jitter draws */
function pauses(options: RetryOptions, count: number, chance = 0): number[] {
  const { policy, mistakes } = resolved(options);
  expect(mistakes).toEqual([]);
  return Array.from({ length: count }, (_, n) => pauseAfter(n + 1, policy, () => chance));
}

describe('resolveRetry', () => {
  it.each([[undefined], [{}], [{ backoff: {} }]])('writes every default out, of %j', (options) => {
    expect(resolved(options)).toEqual({
      policy: { attempts: 10, type: 'exponential', delay: 500, maxDelay: 60_000, factor: 2, jitter: 0.25 },
      mistakes: [],
    });
  });

  it('takes durations as everywhere', () => {
    const { policy } = resolved({
      attempts: 3,
      backoff: { type: 'fixed', delay: '2s', maxDelay: 250, jitter: 0, factor: 1 },
    });
    expect(policy).toEqual({ attempts: 3, type: 'fixed', delay: 2000, maxDelay: 250, factor: 1, jitter: 0 });
  });

  it.each([
    [5, 'retry must be an object, like { attempts: 5 }'],
    [null, 'retry must be an object, like { attempts: 5 }'],
    [{ backoff: '1s' }, "retry.backoff must be an object, like { delay: '1s' }"],
    [{ retries: 5 }, '"retry.retries" is no option (there are attempts, backoff)'],
    [{ backoff: { pause: 5 } }, '"retry.backoff.pause" is no option (there are type, delay, maxDelay, factor, jitter)'],
    [{ attempts: 0 }, 'retry.attempts must be a whole number from 1'],
    [{ attempts: 1.5 }, 'retry.attempts must be a whole number from 1'],
    [{ attempts: Number.POSITIVE_INFINITY }, 'retry.attempts must be a whole number from 1'],
    [{ attempts: '5' }, 'retry.attempts must be a whole number from 1'],
    [{ backoff: { type: 'linear' } }, "retry.backoff.type must be 'fixed' or 'exponential'"],
    [{ backoff: { delay: 'soon' } }, "retry.backoff.delay must be a duration, like '1s'"],
    [{ backoff: { delay: -1 } }, "retry.backoff.delay must be a duration, like '1s'"],
    [{ backoff: { maxDelay: '' } }, "retry.backoff.maxDelay must be a duration, like '1m'"],
    [{ backoff: { factor: 0.5 } }, 'retry.backoff.factor must be a number from 1'],
    [{ backoff: { factor: Number.NaN } }, 'retry.backoff.factor must be a number from 1'],
    [{ backoff: { factor: '2' } }, 'retry.backoff.factor must be a number from 1'],
    [{ backoff: { jitter: 1.1 } }, 'retry.backoff.jitter must be a number from 0 to 1'],
    [{ backoff: { jitter: '0.5' } }, 'retry.backoff.jitter must be a number from 0 to 1'],
    [{ backoff: { jitter: Number.NaN } }, 'retry.backoff.jitter must be a number from 0 to 1'],
  ])('refuses %j, and says what it takes', (options, mistake) => {
    expect(resolved(options).mistakes).toEqual([mistake]);
  });

  it('says every mistake', () => {
    const { mistakes } = resolved({
      attempts: 0,
      backoff: { type: 'x', delay: 'x', maxDelay: 'x', factor: 0, jitter: 2 },
    });
    expect(mistakes).toHaveLength(6);
  });
});

describe('pauseAfter', () => {
  it('grows by the factor, up to the longest pause', () => {
    expect(pauses({ backoff: { delay: 100, factor: 3, maxDelay: 1000 } }, 5)).toEqual([100, 300, 900, 1000, 1000]);
  });

  it('stays as it is where it is fixed, even above the longest pause', () => {
    expect(pauses({ backoff: { type: 'fixed', delay: '2m' } }, 3)).toEqual([120_000, 120_000, 120_000]);
  });

  it.each([
    [0, 1000],
    [0.5, 875],
    [0.999, 750],
  ])('is shorter by as much of the jitter as chance draws: %f', (chance, pause) => {
    expect(pauses({ backoff: { type: 'fixed', delay: 1000 } }, 1, chance)).toEqual([pause]);
  });

  it('is never longer than the longest pause, however many attempts there were', () => {
    const { policy } = resolved({ attempts: 5000, backoff: { delay: '1s', maxDelay: '1d', jitter: 0 } });
    expect(pauseAfter(5000, policy)).toBe(86_400_000);
  });

  it('draws from chance by itself', () => {
    const { policy } = resolved({ backoff: { type: 'fixed', delay: 1000, jitter: 1 } });
    const drawn = Array.from({ length: 50 }, () => pauseAfter(1, policy));
    expect(new Set(drawn).size).toBeGreaterThan(1);
    expect(drawn.every((pause) => pause >= 0 && pause <= 1000 && Number.isInteger(pause))).toBe(true);
  });
});
