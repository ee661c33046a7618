import { expect, it } from 'vitest';
import { workerNamespace } from './worker-namespace.js';

it('gives a worker one namespace, that tells which worker it is', () => {
  expect(workerNamespace()).toMatch(new RegExp(`^w${process.env.VITEST_POOL_ID}-[a-z0-9]{8}$`));
  expect(workerNamespace()).toBe(workerNamespace());
});
