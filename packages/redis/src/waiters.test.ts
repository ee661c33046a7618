import { systemClock } from '@belfry/core';
import { expect, it } from 'vitest';
import { Waiters } from './waiters.js';

it('wakes all who wait, and keeps none of them', async () => {
  const waiters = new Waiters(systemClock);
  const all = Promise.all([waiters.wait(60_000), waiters.wait(Number.POSITIVE_INFINITY)]);
  expect(waiters.areThere).toBe(true);
  waiters.wake();
  await all;
  expect(waiters.areThere).toBe(false);
});

it('lets go of who has waited for long enough', async () => {
  const waiters = new Waiters(systemClock);
  await waiters.wait(1);
  expect(waiters.areThere).toBe(false);
});
