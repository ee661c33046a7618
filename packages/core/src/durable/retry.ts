import { type Duration, isDuration, toMilliseconds } from '@belfry/contracts';

/** How the pause before the next attempt is chosen. */
export interface BackoffOptions {
  /** `fixed`: always `delay`. `exponential`: it grows by `factor` each time, up to `maxDelay`. @default 'exponential' */
  readonly type?: 'fixed' | 'exponential';
  /** The first pause. @default '500ms' */
  readonly delay?: Duration;
  /** The longest pause. @default '1m' */
  readonly maxDelay?: Duration;
  /** @default 2 */
  readonly factor?: number;
  /** How much of a pause is left to chance, from 0 to 1: with `0.25` it is between 75 % and all of it. @default 0.25 */
  readonly jitter?: number;
}

/** How often a durable event is tried, and how long the pauses are. */
export interface RetryOptions {
  /** Attempts in all, the first included; `1` turns retrying off. After the last one the event goes to the dead letters. @default 10 */
  readonly attempts?: number;
  /** @default exponential, from half a second to a minute */
  readonly backoff?: BackoffOptions;
}

/** {@link RetryOptions} with every default written out; durations in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly type: 'fixed' | 'exponential';
  readonly delay: number;
  readonly maxDelay: number;
  readonly factor: number;
  readonly jitter: number;
}

/** Hands every mistake to `say`, and the policy back. */
export function resolveRetry(retry: RetryOptions | undefined, say: (mistake: string) => void): RetryPolicy {
  const given = isObject(retry) ? retry : {};
  const backoff = isObject(given.backoff) ? given.backoff : {};
  if (retry !== undefined && !isObject(retry)) say('retry must be an object, like { attempts: 5 }');
  if (given.backoff !== undefined && !isObject(given.backoff))
    say("retry.backoff must be an object, like { delay: '1s' }");
  for (const name of Object.keys(given))
    if (!['attempts', 'backoff'].includes(name)) say(`"retry.${name}" is no option (there are attempts, backoff)`);
  const known = ['type', 'delay', 'maxDelay', 'factor', 'jitter'];
  for (const name of Object.keys(backoff))
    if (!known.includes(name)) say(`"retry.backoff.${name}" is no option (there are ${known.join(', ')})`);
  const { attempts = 10 } = given;
  const { type = 'exponential', delay = '500ms', maxDelay = '1m', factor = 2, jitter = 0.25 } = backoff;
  if (!Number.isSafeInteger(attempts) || attempts < 1) say('retry.attempts must be a whole number from 1');
  if (type !== 'fixed' && type !== 'exponential') say("retry.backoff.type must be 'fixed' or 'exponential'");
  if (!isDuration(delay)) say("retry.backoff.delay must be a duration, like '1s'");
  if (!isDuration(maxDelay)) say("retry.backoff.maxDelay must be a duration, like '1m'");
  if (!(Number.isFinite(factor) && factor >= 1)) say('retry.backoff.factor must be a number from 1');
  if (!(Number.isFinite(jitter) && jitter >= 0 && jitter <= 1))
    say('retry.backoff.jitter must be a number from 0 to 1');
  const milliseconds = (duration: Duration) => (isDuration(duration) ? toMilliseconds(duration) : 0);
  return { attempts, type, delay: milliseconds(delay), maxDelay: milliseconds(maxDelay), factor, jitter };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The pause after an attempt, in milliseconds. @param attempt from 1 */
export function pauseAfter(attempt: number, policy: RetryPolicy, random: () => number = Math.random): number {
  const { type, delay, maxDelay, factor, jitter } = policy;
  const whole = type === 'fixed' ? delay : Math.min(maxDelay, delay * factor ** (attempt - 1));
  return Math.round(whole * (1 - jitter * random()));
}
