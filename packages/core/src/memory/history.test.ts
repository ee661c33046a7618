import { describe, expect, it } from 'vitest';
import { History } from './history.js';

const POLICY = { age: 1000, count: 5 };

const bodiesAfter = (history: History, cursor: string, count = 100) =>
  history.after(cursor, count).entries.map(({ body }) => body);

describe('the history of a channel in memory', () => {
  it('numbers what it keeps, one by one, and says where each of them stands', () => {
    const history = new History();
    expect(history.after(undefined, 10)).toEqual({ entries: [], last: undefined });
    expect(history.after('0-0', 10)).toEqual({ entries: [], last: undefined });
    expect([history.keep('a', POLICY, 50), history.keep('b', POLICY, 50), history.keep('c', POLICY, 60)]).toEqual([
      '50-1',
      '50-2',
      '60-3',
    ]);
    expect(history.after('50-1', 10)).toEqual({
      entries: [
        { cursor: '50-2', body: 'b' },
        { cursor: '60-3', body: 'c' },
      ],
      last: '60-3',
    });
    expect(history.after('60-3', 10)).toEqual({ entries: [], last: '60-3' });
  });

  it('gives none without a cursor, only where it ends', () => {
    const history = new History();
    history.keep('a', POLICY, 50);
    expect(history.after(undefined, 10)).toEqual({ entries: [], last: '50-1' });
  });

  it('gives the oldest first, and no more than asked for', () => {
    const history = new History();
    for (const body of 'abcde') history.keep(body, POLICY, 50);
    expect(bodiesAfter(history, '50-1', 2)).toEqual(['b', 'c']);
    expect(bodiesAfter(history, '50-1', 0)).toEqual([]);
  });

  it('gives about a megabyte at a time, and at least one', () => {
    const history = new History();
    for (const letter of 'abc') history.keep(letter.repeat(700_000), POLICY, 50);
    history.keep('d'.repeat(3_000_000), POLICY, 50);
    expect(bodiesAfter(history, '0-0').map(({ length }) => length)).toEqual([700_000, 700_000]);
    expect(bodiesAfter(history, '50-3')).toHaveLength(1);
  });

  it('keeps so many, and goes on with their numbers', () => {
    const history = new History();
    for (let n = 1; n <= 12; n++) history.keep(`${n}`, POLICY, 50);
    expect(history.after('0-0', 100).entries.map(({ cursor }) => cursor)).toEqual([
      '50-8',
      '50-9',
      '50-10',
      '50-11',
      '50-12',
    ]);
  });

  it('keeps them for so long', () => {
    const history = new History();
    history.keep('a', POLICY, 1000);
    history.keep('b', POLICY, 1500);
    history.keep('c', POLICY, 2000);
    expect(bodiesAfter(history, '0-0')).toEqual(['a', 'b', 'c']);
    history.keep('d', POLICY, 2501);
    expect(bodiesAfter(history, '0-0')).toEqual(['c', 'd']);
    history.keep('e', { age: 1, count: 1 }, 9000);
    expect(bodiesAfter(history, '0-0')).toEqual(['e']);
  });

  it('turns no order round when the clock is put back', () => {
    const history = new History();
    expect([history.keep('a', POLICY, 1000), history.keep('b', POLICY, 400), history.keep('c', POLICY, 1001)]).toEqual([
      '1000-1',
      '1000-2',
      '1001-3',
    ]);
    expect(bodiesAfter(history, '1000-1')).toEqual(['b', 'c']);
  });
});
