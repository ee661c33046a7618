import { Random } from '@belfry/core/random';
import type { Harness, HarnessOptions } from '../harness/harness.js';
import { ownMemory } from '../harness/memory-world.js';
import { fill } from '../harness/open-harness.js';
import { insight } from '../harness/world.js';
import type { Explored, ExploreOptions, Scenario } from './explore.js';
import { Schedule } from './schedule.js';
import { seedChance } from './seeded-chance.js';

/** What the scenario chooses is not what the schedule chooses. */
const ANOTHER = 0x5eed;

/** See `explore`. */
export async function exploreSeeds(scenario: Scenario, options: ExploreOptions): Promise<readonly Explored[]> {
  const { seeds = 100, seed = fromEnvironment() } = options;
  const explored: Explored[] = [];
  for (const each of seed === undefined ? Array.from({ length: seeds }, (_, n) => n) : [seed]) {
    explored.push({ seed: each, schedule: await exploreSeed(scenario, each, options) });
  }
  return explored;
}

/** The one that a failed run has named. */
function fromEnvironment(): number | undefined {
  const { BELFRY_SEED } = process.env;
  return BELFRY_SEED === undefined || BELFRY_SEED === '' ? undefined : Number(BELFRY_SEED);
}

async function exploreSeed(scenario: Scenario, seed: number, { faults }: ExploreOptions): Promise<readonly string[]> {
  let schedule: Schedule | undefined;
  let harness: Harness | undefined;
  let restore = () => {};
  let breakOff = (_: unknown) => {};
  // When the schedule cannot go on, the scenario would wait for ever.
  const broken = new Promise<never>((_, reject) => {
    breakOff = reject;
  });
  const startHarness = async (options: HarnessOptions): Promise<Harness> => {
    if (schedule !== undefined) throw new Error('explore: a scenario starts one harness.');
    const seen = insight();
    schedule = new Schedule(seed, seen, ownMemory(options, seen), options.namespace ?? 'test', faults);
    const { clock } = schedule;
    restore = seedChance(new Random(seed + ANOTHER), () => clock.now());
    schedule.run().catch(breakOff);
    harness = await fill(schedule, seen, options);
    return harness;
  };
  try {
    await Promise.race([scenario({ seed, random: new Random(seed ^ ANOTHER), startHarness }), broken]);
    await harness?.[Symbol.asyncDispose]();
    return schedule?.trace ?? [];
  } catch (error) {
    throw failure(seed, error, schedule?.trace ?? []);
  } finally {
    schedule?.end();
    restore();
  }
}

function failure(seed: number, cause: unknown, trace: readonly string[]): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  const list =
    trace.length === 0 ? 'Nothing has happened.' : `What happened (!! is what went wrong):\n${trace.join('\n')}`;
  const again = `To see it again: BELFRY_SEED=${seed}, or explore(scenario, { seed: ${seed} }).`;
  return new Error(`Seed ${seed} fails: ${why}\n\n${list}\n\n${again}`, { cause });
}
