import { expect, it } from 'vitest';
import { explore } from '../src/index.js';
import { shop } from './webshop.js';

// More seeds: webshop.faults.test.ts.
it('a shop of four services keeps its promises under 10 seeds', async () => {
  const explored = await explore(shop, { seeds: 10 });
  expect(explored.flatMap(({ schedule }) => schedule).filter((line) => line.includes('!!')).length).toBeGreaterThan(10);
});

it('does the same for the same seed', async () => {
  expect(await explore(shop, { seed: 1004 })).toEqual(await explore(shop, { seed: 1004 }));
});
