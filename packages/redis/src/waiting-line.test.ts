import { type Clock, systemClock } from '@belfry/core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Batch } from './batch.js';
import { WaitingLine, weightOf } from './waiting-line.js';

const batch = (sequence: number, size = 10, deadline?: number): Batch =>
  ({ sequence, size, deadline, title: `batch ${sequence}` }) as Batch;

/** A line, and what it has given up. */
function start(options: { patience?: number; held?: { count: number; size: number }; clock?: Clock } = {}) {
  const { patience = 5000, held = { count: 0, size: 0 }, clock = systemClock } = options;
  const givenUp: [number, string][] = [];
  const line = new WaitingLine({
    held,
    patience,
    giveUp: ({ sequence }, reason) => void givenUp.push([sequence, reason]),
    clock,
  });
  const sequences = () => line.takeAll().map(({ sequence }) => sequence);
  return { line, held, givenUp, sequences };
}

describe('a waiting line', () => {
  it('gives the oldest first, one or all', () => {
    const { line, held, sequences } = start();
    for (const n of [1, 2, 3, 4]) line.add(batch(n));
    expect(line.shift()?.sequence).toBe(1);
    expect(held).toEqual({ count: 3, size: 3 * weightOf(batch(1)) });
    expect(sequences()).toEqual([2, 3, 4]);
    expect(line.isEmpty).toBe(true);
    expect(held).toEqual({ count: 0, size: 0 });
    expect(line.shift()).toBeUndefined();
  });

  it('gives its old place to what comes back', () => {
    const { line, sequences } = start();
    for (const n of [5, 6, 2, 7, 1]) line.add(batch(n));
    expect(line.shift()?.sequence).toBe(1);
    line.add(batch(3));
    line.add(batch(8));
    expect(sequences()).toEqual([2, 3, 5, 6, 7, 8]);
    for (const n of [9, 10]) line.add(batch(n)); // it is in order again
    expect(sequences()).toEqual([9, 10]);
  });

  it('gives up what has waited for too long, counted from when it first waited', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { line, held, givenUp } = start({ patience: 40 });
    const returned = batch(1, 10, systemClock.now() + 10);
    line.add(batch(2));
    line.add(returned);
    vi.advanceTimersByTime(39);
    expect(givenUp).toEqual([[1, 'time']]);
    vi.advanceTimersByTime(1);
    expect(givenUp).toEqual([
      [1, 'time'],
      [2, 'time'],
    ]);
    expect(held).toEqual({ count: 0, size: 0 });
    expect(line.isEmpty).toBe(true);
  });

  it('holds nobody by a timer who has left', () => {
    const timers = new Set<() => void>();
    const after: Clock['after'] = (_, call) => {
      timers.add(call);
      return { cancel: () => void timers.delete(call) };
    };
    const { line } = start({ clock: { ...systemClock, now: () => 0, after } });
    for (const n of [1, 2, 3]) line.add(batch(n));
    expect(timers.size).toBe(3);
    line.shift();
    line.takeAll();
    expect(timers.size).toBe(0);
  });

  it('gives up what is too much, for all lines of an instance together, but always takes a first one', () => {
    const held = { count: 0, size: 0 };
    const [one, two] = [start({ held }), start({ held })];
    one.line.add(batch(1, 40_000_000));
    two.line.add(batch(2));
    expect(two.givenUp).toEqual([[2, 'size']]);
    expect(one.givenUp).toEqual([]);
    expect(one.sequences()).toEqual([1]);
    two.line.add(batch(3));
    expect(two.sequences()).toEqual([3]);
  });

  it('gives up everything when it is closed', () => {
    const { line, givenUp, held } = start();
    for (const n of [2, 1]) line.add(batch(n));
    line.close();
    expect(givenUp).toEqual([
      [1, 'time'],
      [2, 'time'],
    ]);
    expect(held.count).toBe(0);
  });
});
