import { describe, expect, it } from 'vitest';
import { Sequence } from './sequence.js';

describe('the numbers of what is written on a channel', () => {
  it('go up by one', () => {
    const sequence = new Sequence();
    expect(sequence.take(1)).toEqual([1]);
    expect(sequence.take(3)).toEqual([2, 3, 4]);
    expect(sequence.take(1)).toEqual([5]);
  });

  it('are given again, in order, when everything that was under way has come back', () => {
    const sequence = new Sequence();
    const [first, second, third] = [sequence.take(2), sequence.take(1), sequence.take(3)];
    for (const refused of [second, first, third]) sequence.giveBack(refused);
    expect([sequence.take(2), sequence.take(1), sequence.take(4)]).toEqual([[1, 2], [3], [4, 5, 6, 7]]);
  });

  it('are all used, also when later ones got through', () => {
    const sequence = new Sequence();
    const refused = sequence.take(3);
    sequence.take(2);
    sequence.giveBack(refused);
    expect(sequence.take(1)).toEqual([1]);
    expect(sequence.take(4)).toEqual([2, 3, 6, 7]);
    expect(sequence.take(1)).toEqual([8]);
  });

  it('are told of as uncertain after their answers were lost, for a while', () => {
    const sequence = new Sequence();
    expect(sequence.uncertain(1, 0)).toBeUndefined();
    sequence.take(2);
    sequence.lose(sequence.take(3));
    sequence.lose(sequence.take(1));
    expect(sequence.uncertain(64, 0)).toBe('3-6');
    expect(sequence.uncertain(100, 29_000)).toBe('3-6');
    expect(sequence.uncertain(1, 31_000)).toBe('3-6');
    expect(sequence.uncertain(1, 31_001)).toBeUndefined();
  });

  it('of another outage are told of in their place', () => {
    const sequence = new Sequence();
    sequence.lose(sequence.take(3));
    sequence.take(5);
    sequence.lose(sequence.take(2));
    expect(sequence.uncertain(1, 0)).toBe('9-10');
  });
});
