import { expect, it } from 'vitest';
import { readArguments } from './arguments.js';

it('soaks for two minutes with a seed by chance when it is told nothing', () => {
  expect(readArguments([])).toEqual({ seconds: 120, seed: expect.any(Number), verbose: false });
});

it('takes seconds and a seed', () => {
  expect(readArguments(['--seconds', '30', '--seed', '7'])).toMatchObject({ seconds: 30, seed: 7 });
});

it('tells every mistake, and how it is used', () => {
  const { mistake } = readArguments(['--seconds', '0', '--seed=x']) as { mistake: string };
  expect(mistake).toContain('--seconds must be a whole number from 1 to 3600, not "0"');
  expect(mistake).toContain('--seed must be a whole number from 0 to 2147483648, not "x"');
  expect(mistake).toContain('usage: npm run test:soak');
  expect(readArguments(['--minutes', '3'])).toMatchObject({ mistake: expect.stringContaining("'--minutes'") });
  expect(readArguments(['--seconds'])).toMatchObject({ mistake: expect.stringContaining('--seconds') });
});
