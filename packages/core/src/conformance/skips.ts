import { BelfryError } from '@belfry/contracts';
import type { Transport } from '../transport.js';
import type { Behaviour } from './behaviour.js';

/** A test of the suite that a transport cannot pass, and why. */
export interface SkippedTest {
  /** The test's name, exactly. */
  readonly test: string;
  readonly reason: string;
}

/**
 * The reasons by test.
 * @throws BelfryError `OPTION_INVALID`, listing every skip that names no test, names it twice, or gives no reason
 */
export function reasonsByTest(skips: readonly SkippedTest[], behaviours: readonly Behaviour[]): Map<string, string> {
  const mistakes: string[] = [];
  const reasons = new Map<string, string>();
  for (const { test, reason } of skips) {
    if (!behaviours.some(({ name }) => name === test)) mistakes.push(`there is no test ${JSON.stringify(test)}`);
    if (reasons.has(test)) mistakes.push(`${JSON.stringify(test)} is skipped twice`);
    if (typeof reason !== 'string' || reason.trim() === '') mistakes.push(`${JSON.stringify(test)} needs a reason`);
    reasons.set(test, reason);
  }
  if (mistakes.length > 0) {
    throw new BelfryError('OPTION_INVALID', { message: `describeTransport({ skip }): ${mistakes.join('; ')}.` });
  }
  return reasons;
}

/** Why a transport cannot do what a test needs; `undefined` when it can. */
export function reasonOf(unsupported: Transport['unsupported'], { needs }: Behaviour): string | undefined {
  const missing = needs.find((feature) => unsupported[feature] !== undefined);
  return missing === undefined ? undefined : `no ${missing}: ${unsupported[missing]}`;
}
