import { describe, expect, it } from 'vitest';
import { type Duration, isDuration, toMilliseconds } from './index.js';

describe('a duration', () => {
  it.each([
    [0, 0],
    [250, 250],
    [0.5, 0.5],
    ['250ms', 250],
    ['5s', 5000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
  ] satisfies [Duration, number][])('%j is %d milliseconds', (duration, milliseconds) => {
    expect(isDuration(duration)).toBe(true);
    expect(toMilliseconds(duration)).toBe(milliseconds);
  });

  it.each([
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    '5',
    '-5s',
    '5 s',
    '5S',
    '1e3s',
    '.5s',
    's',
    null,
    undefined,
    {},
    5n,
  ])('is not %s', (value) => {
    expect(isDuration(value)).toBe(false);
    expect(() => toMilliseconds(value as Duration)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  });

  it('names the option and what it was given when it refuses', () => {
    expect(() => toMilliseconds('soon' as Duration, 'close({ timeout })')).toThrow('close({ timeout }) is "soon"');
    expect(() => toMilliseconds(Number.NaN)).toThrow('duration is NaN');
  });
});
