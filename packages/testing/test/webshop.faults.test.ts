import { it } from 'vitest';
import { explore } from '../src/index.js';
import { shop } from './webshop.js';

it('a shop of four services keeps its promises under 500 seeds', { timeout: 300_000 }, async () => {
  await explore(shop, { seeds: 500 });
});
