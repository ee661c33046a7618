import type { Random } from '@belfry/core/random';
import type { Harness, HarnessOptions } from '../harness/harness.js';
import type { Faults } from './faults.js';

/** What a scenario is given. */
export interface Exploration {
  readonly seed: number;
  /** For choices of the scenario's own: the same seed, the same choices. */
  readonly random: Random;
  /**
   * As {@link startHarness}, except that the seed decides what happens when. Time passes by itself whenever the scenario waits for the harness.
   * `settled()` waits until everything has come to its end, within an hour of the clock. Once in each scenario.
   */
  startHarness(options: HarnessOptions): Promise<Harness>;
}

/** What is to hold under every schedule: it throws when it does not. What it needs it makes anew each time. */
export type Scenario = (exploration: Exploration) => Promise<void>;

/** What {@link explore} is told. */
export interface ExploreOptions {
  /** How many seeds, from 0 on. @default 100 */
  readonly seeds?: number;
  /** Only this one, to see again what it found. @default `BELFRY_SEED`, if that is set */
  readonly seed?: number;
  /** What may go wrong. @default everything */
  readonly faults?: Faults;
}

/** What came of a seed. */
export interface Explored {
  readonly seed: number;
  /** What happened, line by line. */
  readonly schedule: readonly string[];
}

/**
 * Runs a scenario under many schedules, each of which a seed decides: in which order subscribers hear of things, what is handled twice, what gets
 * lost, who crashes before or after an acknowledgement, who stands still. The same seed gives the same schedule, as long as the scenario does
 * no I/O and asks neither `Date` nor timers of Node.
 * ```ts
 * await explore(async ({ startHarness }) => {
 *   const books = new Books();
 *   await using harness = await startHarness({ handlers: [Ledger], modules: [bind(books)], instances: 2 });
 *   await harness.publish(PaymentTaken, { account: 'ann', cents: 100 });
 *   await harness.settled();
 *   expect(books.balanceOf('ann')).toBe(100);
 * }, { seeds: 200 });
 * ```
 * @returns what came of each seed
 * @throws Error of the first seed that fails: which one, why, and the schedule as a list; its `cause` is what the scenario threw
 */
export async function explore(scenario: Scenario, options: ExploreOptions = {}): Promise<readonly Explored[]> {
  const { exploreSeeds } = await import('./explore-seeds.js');
  return exploreSeeds(scenario, options);
}
