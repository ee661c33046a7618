import { describe, expect, it } from 'vitest';
import { matchesPattern } from './index.js';
import { checkPattern } from './pattern.js';

describe('a pattern', () => {
  it.each([
    ['orders.placed', 'orders.placed'],
    ['orders.*', 'orders.placed'],
    ['*.placed', 'orders.placed'],
    ['*', 'placed'],
    ['**', 'placed'],
    ['**', 'orders.lines.added'],
    ['orders.**', 'orders.lines.added'],
    ['**.added', 'orders.lines.added'],
    ['orders.**.added', 'orders.a.b.added'],
    ['**.a.**', 'a.a.a'],
    ['orders.*.v2', 'orders.placed.v2'],
    ['**.v2', 'orders.placed.v2'],
    ['orders.placed.v12', 'orders.placed.v12'],
    ['orders.**', 'orders.v2.placed'],
    ['shop:orders.*', 'shop:orders.placed'],
    ['shop:*', 'shop:placed'],
    ['shop:**', 'shop:orders.placed'],
    ['shop:**.placed', 'shop:orders.placed'],
    ['shop.eu:north.v2:*.placed', 'shop.eu:north.v2:orders.placed'],
  ])('%s matches %s', (pattern, channel) => expect(matchesPattern(pattern, channel)).toBe(true));

  it.each([
    ['orders.placed', 'orders.paid'],
    ['orders.*', 'orders'],
    ['orders.*', 'orders.lines.added'],
    ['*', 'orders.placed'],
    ['orders.**', 'orders'],
    ['**.added', 'added'],
    ['orders.**.added', 'orders.added'],
    ['orders.*', 'orders.placed.v2'],
    ['**', 'orders.placed.v2'],
    ['orders.**', 'orders.placed.v2'],
    ['orders.*.v2', 'orders.placed'],
    ['orders.*.v2', 'orders.placed.v3'],
    ['orders.*.v2', 'orders.v2'],
    ['order', 'orders'],
    ['o.p', 'oxp'],
    ['shop:**', 'shop2:orders.placed'],
    ['shop:**', 'orders.placed'],
    ['**', 'shop:orders.placed'],
    ['shop.*:placed', 'shop.eu:placed'],
    ['shop:**', 'shop:eu:orders.placed'],
  ])('%s does not match %s', (pattern, channel) => expect(matchesPattern(pattern, channel)).toBe(false));

  it.each(['**', 'a.**', '**.b', '**.a.**.b.**', 'a.**.a.**.b'])(
    'as %s is compared with a channel of very many segments at once',
    (pattern) => {
      const began = performance.now();
      matchesPattern(pattern, `a${'.a'.repeat(100_000)}`);
      matchesPattern(pattern, `a${'.a'.repeat(100_000)}.b.c`);
      expect(performance.now() - began).toBeLessThan(2000);
    },
  );

  it('matches as its definition says, whatever stands in it', () => {
    /** The definition: `**` is one or more. */
    const matches = ([head, ...tail]: string[], given: string[]): boolean => {
      if (head === undefined) return given.length === 0;
      if (head === '**') return given.some((_, index) => matches(tail, given.slice(index + 1)));
      return given.length > 0 && (head === '*' || head === given[0]) && matches(tail, given.slice(1));
    };
    const all = (letters: string[], length: number): string[][] =>
      length === 0 ? [[]] : all(letters, length - 1).flatMap((one) => letters.map((letter) => [...one, letter]));
    const patterns = [1, 2, 3, 4].flatMap((length) => all(['a', 'b', '*', '**'], length));
    const channels = [1, 2, 3, 4, 5].flatMap((length) => all(['a', 'b'], length));
    for (const pattern of patterns) {
      for (const channel of channels) {
        const said = matchesPattern(pattern.join('.'), channel.join('.'));
        if (said !== matches(pattern, channel)) expect.fail(`${pattern.join('.')} and ${channel.join('.')}: ${said}`);
      }
    }
  });

  it.each(['orders.placed', 'orders.*', '**', '*', '*.**.x', 'orders.*.v2', 'orders.placed.v10', 'a-b.c_d'])(
    'may be %s',
    (pattern) => expect(() => checkPattern(pattern)).not.toThrow(),
  );

  it.each([
    '',
    '.',
    'orders.',
    '.orders',
    'orders..x',
    'Orders.*',
    'orders.pl*',
    '***',
    'a b',
    'shop:orders',
    'orders.?',
    'a.[bc]',
    'orders.*.v1',
    '**.v02',
  ])('may not be %j, which no event could match', (pattern) => {
    expect(() => checkPattern(pattern)).toThrow(expect.objectContaining({ code: 'CONTRACT_INVALID' }));
  });
});
