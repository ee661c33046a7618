import { expect, it } from 'vitest';
import { Tally } from './tally.js';

interface Stats {
  handled: number;
  readonly durable?: { retried: number };
}

const orders = { contract: 'orders.placed', group: 'billing' };
const payments = { contract: 'payments.taken', group: 'billing' };

const sums = (tally: Tally<Stats>, read: (stats: Stats) => number | undefined) => {
  const told: [string, number][] = [];
  tally.sum(read, ({ contract }, sum) => told.push([contract, sum]));
  return Object.fromEntries(told);
};
const handled = (tally: Tally<Stats>) => sums(tally, (stats) => stats.handled);
const retried = (tally: Tally<Stats>) => sums(tally, (stats) => stats.durable?.retried);

it('adds up what has the same labels, as it is now', () => {
  const tally = new Tally<Stats>();
  const one = { stats: { handled: 1 } };
  tally.add(one, orders);
  tally.add(one, orders); // again: the same one
  tally.add({ stats: { handled: 10 } }, orders);
  tally.add({ stats: { handled: 100 } }, payments);
  one.stats.handled = 2;
  expect(handled(tally)).toEqual({ 'orders.placed': 12, 'payments.taken': 100 });
});

it('says nothing where there is no such figure', () => {
  const tally = new Tally<Stats>();
  tally.add({ stats: { handled: 1 } }, orders);
  tally.add({ stats: { handled: 1, durable: { retried: 0 } } }, payments);
  expect(retried(tally)).toEqual({ 'payments.taken': 0 });
});

it('keeps the sum of what has ended, however often that happens', () => {
  const tally = new Tally<Stats>();
  const running = { stats: { handled: 1 } };
  tally.add(running, orders);
  for (let round = 1; round <= 3; round++) {
    tally.add({ stats: { handled: 10, durable: { retried: 1 } } }, orders);
    tally.keepOnly([running]);
    expect(handled(tally)).toEqual({ 'orders.placed': 1 + 10 * round });
    expect(retried(tally)).toEqual({ 'orders.placed': round });
  }
  tally.keepOnly([]);
  running.stats.handled = 1000; // nobody's any more: it had been taken over as it was at its end
  expect(retried(tally)).toEqual({ 'orders.placed': 3 });
  expect(handled(tally)).toEqual({ 'orders.placed': 31 });
});
