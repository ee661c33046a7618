import { expect, it } from 'vitest';
import { BoundedLabels } from './bounded-labels.js';

it('tells the first 500 names apart, and no more', () => {
  const labels = new BoundedLabels();
  for (let index = 0; index < 500; index++) expect(labels.bound(`users.${index}`)).toBe(`users.${index}`);
  expect(labels.bound('users.500')).toBe('(other)');
  expect(labels.bound('users.499')).toBe('users.499');
});
