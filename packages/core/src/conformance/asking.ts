import type { BelfryError } from '@belfry/contracts';
import type { ResponderStats } from '../request-receiver.js';
import type { RequestStats } from '../requester.js';
import type { Numbered } from './contracts.js';

/** The handler that most tests answer with. */
export const double = ({ n }: Numbered): Numbered => ({ n: n * 2 });

/** The generator that most tests answer with: the numbers below the one that was asked. */
export async function* countUp({ n }: Numbered): AsyncGenerator<Numbered> {
  for (let next = 0; next < n; next++) yield { n: next };
}

/** What a promise is rejected with. Rejects when it is not. */
export const failureOf = (promise: Promise<unknown>): Promise<BelfryError & { readonly data?: unknown }> =>
  promise.then(
    (value) => {
      throw new Error(`It should have failed, but gave ${JSON.stringify(value)}.`);
    },
    (error) => error,
  );

/** All that an iteration gives, and what ended it when that was an error. */
export async function allOf<Value>(values: AsyncIterable<Value>): Promise<{ values: Value[]; error: unknown }> {
  const taken: Value[] = [];
  try {
    for await (const value of values) taken.push(value);
  } catch (error) {
    return { values: taken, error };
  }
  return { values: taken, error: undefined };
}

/** What the figures of a responder account for: as much as it received. */
export const accountedFor = (stats: Readonly<ResponderStats>): number => {
  const { handled, failed, cancelled, expired, rejected, dropped, abandoned, queued, inFlight } = stats;
  const refused = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  return handled + failed + cancelled + expired + refused + dropped + abandoned + queued + inFlight;
};

/** What the figures of a caller account for: as much as it asked. */
export const settled = ({ answered, failed, inFlight }: Readonly<RequestStats>): number => answered + failed + inFlight;
