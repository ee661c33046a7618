import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defineEvent, defineRequest } from '@belfry/contracts';
import { z } from 'zod';
import { type Clock, createBus, settlesWithin, sleep, systemClock } from './index.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the system clock', () => {
  it('tells the time', () => {
    vi.setSystemTime(1_700_000_000_000);
    expect(systemClock.date()).toBe(1_700_000_000_000);
  });

  it('measures time that goes on evenly, whatever the calendar does', () => {
    const before = systemClock.now();
    vi.setSystemTime(systemClock.date() - 3_600_000);
    vi.advanceTimersByTime(50);
    expect(systemClock.now() - before).toBe(50);
    vi.setSystemTime(systemClock.date() + 7_200_000);
    vi.advanceTimersByTime(50);
    expect(systemClock.now() - before).toBe(100);
  });

  it('calls back once, when the time has come', () => {
    const callback = vi.fn();
    systemClock.after(50, callback);
    vi.advanceTimersByTime(49);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(callback).toHaveBeenCalledOnce();
  });

  it('waits longer than a timeout of the platform can', () => {
    const callback = vi.fn();
    const days = 86_400_000;
    systemClock.after(60 * days, callback, 'background');
    vi.advanceTimersByTime(59 * days);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(days);
    expect(callback).toHaveBeenCalledOnce();
  });

  it.each([50, 60 * 86_400_000])('can be called off, waiting %d ms', (milliseconds) => {
    const callback = vi.fn();
    const timer = systemClock.after(milliseconds, callback);
    vi.advanceTimersByTime(milliseconds - 1);
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(milliseconds);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps the process alive by a wait, but not in the background', () => {
    vi.useRealTimers();
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const alive = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length - before;
    const background = systemClock.after(60_000, () => {}, 'background');
    expect(alive()).toBe(0);
    const foreground = systemClock.after(60_000, () => {});
    expect(alive()).toBe(1);
    background.cancel();
    foreground.cancel();
  });
});

it('sleeps on a clock', async () => {
  const awake = vi.fn();
  const sleeping = sleep(systemClock, 50).then(awake);
  await vi.advanceTimersByTimeAsync(49);
  expect(awake).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  await sleeping;
  expect(awake).toHaveBeenCalledOnce();
});

describe('settlesWithin', () => {
  it('is true when the work is done in time, whether well or badly', async () => {
    await expect(settlesWithin(systemClock, 50, Promise.resolve())).resolves.toBe(true);
    await expect(settlesWithin(systemClock, 50, Promise.reject(new Error('no')))).resolves.toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is false when the time is over first', async () => {
    const settles = settlesWithin(systemClock, 50, new Promise(() => {}));
    await vi.advanceTimersByTimeAsync(50);
    await expect(settles).resolves.toBe(false);
  });
});

it('is told by the calendar when something was published, and until when a caller waits', async () => {
  vi.useRealTimers();
  const year = 31_536_000_000;
  const clock: Clock = { ...systemClock, date: () => year }; // 1971
  await using bus = createBus({ name: 'billing', url: 'memory:', clock });
  const Paid = defineEvent('orders.paid', { schema: z.string() });
  const Ask = defineRequest('orders.ask', { input: z.string(), output: z.number() });
  const times: number[] = [];
  await bus.subscribe(Paid, (_, { time }) => void times.push(time.getTime()), { broadcast: true });
  await bus.respond(Ask, (_, { time, deadline }) => deadline.getTime() - time.getTime());
  await bus.publish(Paid, 'one');
  const left = await bus.request(Ask, 'two', { timeout: 3000 });
  await vi.waitUntil(() => times.length === 1);
  expect(times).toEqual([year]);
  expect(left).toBeGreaterThan(2000);
  expect(left).toBeLessThanOrEqual(3000);
});
