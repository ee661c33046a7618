import { expect, it } from 'vitest';
import { TurnedClock } from '../test/doubles.js';
import { SharedTimers } from './shared-timers.js';

const start = () => {
  const clock = new TurnedClock();
  const over: string[] = [];
  const timed = (name: string) => ({ timeOut: (milliseconds: number) => void over.push(`${name} ${milliseconds}`) });
  return { clock, over, timed, timers: new SharedTimers(clock) };
};

it('has one timer for what begins in the same millisecond and waits equally long', async () => {
  const { clock, over, timed, timers } = start();
  for (const name of ['a', 'b']) timers.start(100, timed(name));
  timers.start(50, timed('c'));
  expect(clock.timers).toBe(2);
  await clock.turn(10);
  timers.start(100, timed('d'));
  await clock.turn(89);
  expect(over).toEqual(['c 50']);
  await clock.turn(1);
  expect(over).toEqual(['c 50', 'a 100', 'b 100']);
  await clock.turn(10);
  expect([over.at(-1), clock.timers]).toEqual(['d 100', 0]);
});

it('calls its timer off with the last that waited, and has another for who comes then', async () => {
  const { clock, over, timed, timers } = start();
  const [a, b] = [timed('a'), timed('b')];
  const timer = timers.start(100, a);
  timers.start(100, b);
  timer.cancel(a);
  timer.cancel(a);
  expect(clock.timers).toBe(1);
  timer.cancel(b);
  expect(clock.timers).toBe(0);
  timers.start(100, timed('c'));
  await clock.turn(100);
  expect(over).toEqual(['c 100']);
});

it('does not call back who was called off by another whose time was over with it', async () => {
  const { clock, over, timed, timers } = start();
  const b = timed('b');
  const timer = timers.start(100, { timeOut: () => timer.cancel(b) });
  timers.start(100, b);
  await clock.turn(100);
  expect(over).toEqual([]);
});

it('has no less than no time', async () => {
  const { clock, over, timed, timers } = start();
  timers.start(-5, timed('a'));
  await clock.turn(0);
  expect(over).toEqual(['a 0']);
});
