import { expect, it } from 'vitest';
import { Random } from './random.js';

const numbers = (seed: number) => {
  const random = new Random(seed);
  return Array.from({ length: 1000 }, () => random.next());
};

it('gives the same numbers for the same seed, and others for another', () => {
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(7)).not.toEqual(numbers(8));
  // As the reference implementation of mulberry32 gives them: a seed that was written down once must mean the same for ever.
  expect(
    numbers(1)
      .slice(0, 2)
      .map((n) => n.toFixed(8)),
  ).toEqual(['0.62707394', '0.00273572']);
});

it('spreads them evenly', () => {
  expect(new Set(numbers(1).map((n) => Math.floor(n * 10))).size).toBe(10);
  const mean = numbers(3).reduce((sum, n) => sum + n, 0) / 1000;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
});

it('chooses', () => {
  const random = new Random(1);
  const list = ['a', 'b', 'c'];
  const chosen = Array.from({ length: 100 }, () => [random.below(3), random.pick(list), random.between(5, 6)] as const);
  expect(new Set(chosen.map(([n]) => n))).toEqual(new Set([0, 1, 2]));
  expect(new Set(chosen.map(([, item]) => item))).toEqual(new Set(list));
  for (const [, , between] of chosen) expect(Math.floor(between)).toBe(5);
  expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  expect(random.bytes(4)).toHaveLength(4);
});
