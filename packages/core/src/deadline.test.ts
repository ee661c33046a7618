import { describe, expect, it } from 'vitest';
import { TurnedClock } from '../test/doubles.js';
import { Deadline } from './deadline.js';

function start(milliseconds = 1000) {
  const clock = new TurnedClock();
  return { clock, deadline: new Deadline(clock, clock.time + milliseconds, 'pricing.quote') };
}

describe('a deadline', () => {
  it('needs no timer until somebody asks for its signal, and then one', () => {
    const { clock, deadline } = start();
    expect(clock.timers).toBe(0);
    const { signal } = deadline;
    expect(deadline.signal).toBe(signal);
    expect(clock.timers).toBe(1);
  });

  it('aborts its signal when the time is over, saying which time', async () => {
    const { clock, deadline } = start(1000);
    const { signal } = deadline;
    await clock.turn(999);
    expect([signal.aborted, deadline.isOver]).toEqual([false, false]);
    await clock.turn(1);
    expect([signal.aborted, deadline.isOver]).toEqual([true, true]);
    expect(signal.reason).toMatchObject({ code: 'REQUEST_TIMEOUT', message: expect.stringContaining('pricing.quote') });
    expect(deadline.reason).toBe(signal.reason);
    expect(clock.timers).toBe(0);
  });

  it('aborts at once when its signal is asked for after its time', async () => {
    const { clock, deadline } = start(1000);
    await clock.turn(5000);
    const { signal } = deadline;
    await clock.turn(0);
    expect(signal.reason).toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('can be moved, before and after somebody asked for its signal', async () => {
    const { clock, deadline } = start(1000);
    deadline.move(clock.time + 2000);
    const { signal } = deadline;
    await clock.turn(1999);
    expect(signal.aborted).toBe(false);
    deadline.move(clock.time + 500);
    expect(deadline.at).toBe(clock.time + 500);
    await clock.turn(499);
    expect(signal.aborted).toBe(false);
    await clock.turn(1);
    expect(signal.aborted).toBe(true);
  });

  it('has no timer while it lies in the infinite, and one again when it is moved back', async () => {
    const { clock, deadline } = start();
    const { signal } = deadline;
    deadline.move(Number.POSITIVE_INFINITY);
    expect(clock.timers).toBe(0);
    await clock.turn(1_000_000);
    deadline.move(clock.time + 10);
    await clock.turn(10);
    expect(signal.aborted).toBe(true);
  });

  it('leaves no timer when it has ended, and aborts no more', async () => {
    const { clock, deadline } = start();
    const { signal } = deadline;
    deadline.end();
    expect(clock.timers).toBe(0);
    deadline.move(clock.time + 1);
    deadline.abort(new Error('too late'));
    await clock.turn(1_000_000);
    expect([signal.aborted, deadline.reason, clock.timers]).toEqual([false, undefined, 0]);
  });

  it('makes no timer for a signal that is first asked for after the end', () => {
    const { clock, deadline } = start();
    deadline.end();
    expect([deadline.signal.aborted, clock.timers]).toEqual([false, 0]);
  });

  it.each(['before', 'after'])(
    'can be aborted %s its signal was asked for, once, and leaves no timer',
    async (when) => {
      const { clock, deadline } = start();
      if (when === 'after') void deadline.signal;
      const reason = new Error('the caller is gone');
      deadline.abort(reason);
      deadline.abort(new Error('another'));
      expect(deadline.signal.aborted).toBe(true);
      expect(deadline.signal.reason).toBe(reason);
      expect(deadline.reason).toBe(reason);
      deadline.move(clock.time + 1);
      await clock.turn(1_000_000);
      expect([deadline.signal.reason, clock.timers]).toEqual([reason, 0]);
    },
  );
});
