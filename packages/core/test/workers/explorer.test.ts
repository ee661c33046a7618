import { describe, expect, it } from 'vitest';
import { Worker } from '../../src/durable/worker.js';
import { exploreWorkers } from './explorer.js';

// That the explorer finds faults is shown by mutants.faults.test.ts.
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('workers of durable delivery', () => {
  it('hold their promises under 200 seeds', { timeout: 60_000 }, async () => {
    for (const seed of seeds) await exploreWorkers(seed, Worker);
  });

  it('does the same for the same seed', async () => {
    expect(await exploreWorkers(7, Worker)).toEqual(await exploreWorkers(7, Worker));
  });
});
