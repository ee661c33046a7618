import { describe, expect, it } from 'vitest';
import { KnownLog } from './known-log.js';

/** What is told of these answers, one after the other. */
function toldOf(...answers: readonly (readonly [epoch: string, count: number])[]) {
  const log = new KnownLog();
  return answers.map(([epoch, count]) => log.meet({ epoch, count }));
}

describe('a known log', () => {
  it('may grow, and be met with anything in it', () => {
    expect(toldOf(['e', 7], ['e', 7], ['e', 9])).toEqual([undefined, undefined, undefined]);
  });

  it('is still the same when its first entry gives it an epoch', () => {
    expect(toldOf(['', 0], ['e', 1])).toEqual([undefined, undefined]);
  });

  it('was lost when it has another epoch, or none any more, whatever is in it', () => {
    const emptied = { what: 'emptied' };
    expect(toldOf(['e', 5], ['another', 3], ['another', 3])).toEqual([undefined, emptied, undefined]);
    expect(toldOf(['e', 5], ['', 0], ['another', 1])).toEqual([undefined, emptied, undefined]);
  });

  it('is older when there is less in it than before', () => {
    expect(toldOf(['e', 5], ['e', 3], ['e', 4])).toEqual([undefined, { what: 'rewound', count: 2 }, undefined]);
  });
});
