import { expect, it } from 'vitest';
import { Pending } from './pending.js';

it('finds by its id what is on its way, until that is taken out', () => {
  const pending = new Pending<number>();
  for (const [at, id] of ['b-1', 'a-2', '__proto__', 'c-3'].entries()) pending.add(id, at);
  expect([pending.size, pending.values()]).toEqual([4, [0, 1, 2, 3]]);
  pending.delete('a-2');
  pending.delete('a-2');
  pending.delete('never');
  expect([pending.get('b-1'), pending.get('a-2'), pending.get('__proto__'), pending.get('toString')]).toEqual([
    0,
    undefined,
    2,
    undefined,
  ]);
  expect([pending.size, pending.values()]).toEqual([3, [0, 2, 3]]);
});
