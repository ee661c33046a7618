import { describe, expect, it } from 'vitest';
import { Sequence } from './sequence.js';

describe('the numbers of what is written', () => {
  it('begin with 1 and have no gap', () => {
    const sequence = new Sequence();
    expect([sequence.take(1), sequence.take(3), sequence.take(1)]).toEqual([1, 2, 5]);
  });

  it('are given again when what had them was not executed', () => {
    const sequence = new Sequence();
    sequence.take(2);
    sequence.giveBack(sequence.take(3), 3);
    expect(sequence.take(1)).toBe(3);
  });

  it('are given again when everything behind them has come back too, in whatever order', () => {
    const sequence = new Sequence();
    const [one, two, three] = [sequence.take(2), sequence.take(2), sequence.take(2)];
    sequence.giveBack(two, 2);
    sequence.giveBack(one, 2);
    expect(sequence.take(1)).toBe(7); // the last is still under way
    sequence.giveBack(7, 1);
    sequence.giveBack(three, 2);
    expect(sequence.take(1)).toBe(1);
  });

  it('leave a gap where something behind them was executed: it was to be published, and nobody got it', () => {
    const sequence = new Sequence();
    const refused = sequence.take(2);
    sequence.take(2);
    sequence.giveBack(refused, 2);
    expect(sequence.take(1)).toBe(5);
    sequence.giveBack(5, 1);
    expect(sequence.take(1)).toBe(5);
  });

  it('go on, however many were refused before others', () => {
    const sequence = new Sequence();
    for (let n = 0; n < 1000; n++) {
      const refused = sequence.take(1);
      sequence.take(1);
      sequence.giveBack(refused, 1);
    }
    expect(sequence.take(1)).toBe(2001);
    sequence.giveBack(2001, 1);
    expect(sequence.take(1)).toBe(2001);
  });
});
