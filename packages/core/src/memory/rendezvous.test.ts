import { expect, it } from 'vitest';
import { newInstanceId } from '../identity.js';
import { ownerOf } from './rendezvous.js';

const members = (count: number) => Array.from({ length: count }, () => ({ instance: newInstanceId() }));
const keys = Array.from({ length: 2000 }, (_, n) => `customer ${n}`);

it('gives every member a fair part of the keys', () => {
  for (let round = 0; round < 20; round++) {
    const four = members(4);
    const owners = keys.map((key) => ownerOf(key, four));
    for (const member of four) {
      const share = owners.filter((owner) => owner === member).length / keys.length;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.35);
    }
  }
});

it('moves only the keys that a newcomer wins, and gives them back when it leaves', () => {
  const three = members(3);
  const [newcomer] = members(1);
  for (const key of keys) {
    const owner = ownerOf(key, [newcomer!, ...three]);
    if (owner !== newcomer) expect(owner).toBe(ownerOf(key, three));
  }
});

it('does not depend on the order in which members joined', () => {
  const five = members(5);
  for (const key of keys) expect(ownerOf(key, five.toReversed())).toBe(ownerOf(key, five));
});

it('gives nobody a key where nobody is', () => {
  expect(ownerOf('customer 1', [])).toBeUndefined();
});
