import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { nextTurn, TurnedClock } from '../../test/doubles.js';
import { Slots } from '../slots.js';
import { Hands } from './hands.js';
import type { HeldDelivery } from './held.js';
import type { Outcome } from './outcome.js';
import { ReadyQueue, type ReadyQueueOptions } from './ready-queue.js';

const DONE: Outcome = { outcome: 'done' };

/** A queue with two slots, whose handlers end when the test says so. */
function startQueue(options: Partial<ReadyQueueOptions> = {}) {
  const time = vi.spyOn(performance, 'now').mockReturnValue(0);
  onTestFinished(() => time.mockRestore());
  const clock = new TurnedClock();
  const hands = new Hands({ subject: 'orders', onSettle: () => {}, tell: () => {} });
  const began: number[] = [];
  const ends = new Map<number, (outcome: Outcome) => void>();
  const [onMove, onStall] = [vi.fn(), vi.fn()];
  const run: ReadyQueueOptions['run'] = ({ token }) => {
    began.push(token);
    return new Promise((resolve) => ends.set(token, resolve));
  };
  const queue = new ReadyQueue({ hands, slots: new Slots(2), run, onMove, onStall, clock, ...options });
  let tokens = 0;
  /** Takes so many more. */
  const add = (count: number, body = '{}'): HeldDelivery[] => {
    const held = Array.from({ length: count }, () => {
      const token = ++tokens;
      return hands.take({ id: `${token}-0`, body, key: undefined, token, attempt: 1 });
    });
    for (const each of held) queue.add(each);
    queue.fill();
    return held;
  };
  /** A handler comes to its end, so many milliseconds after it began. */
  const end = async (token: number, milliseconds = 1) => {
    time.mockReturnValue(time() + milliseconds);
    ends.get(token)!(DONE);
    await nextTurn();
  };
  const settled = () => hands.send().map(({ token, outcome }) => `${token} ${outcome}`);
  return { queue, hands, clock, began, add, end, settled, onMove, onStall };
}

describe('a ready queue', () => {
  it('begins in order as many as there are slots, and the next when one is done', async () => {
    const { queue, began, add, end, settled } = startQueue();
    add(3);
    expect(began).toEqual([1, 2]);
    expect([queue.inFlight, queue.queued]).toEqual([2, 1]);
    await end(2);
    expect(began).toEqual([1, 2, 3]);
    expect([queue.inFlight, queue.queued]).toEqual([2, 0]);
    expect(settled()).toEqual(['2 done']);
  });

  it('goes on when a slot of others is free', () => {
    const slots = new Slots(1);
    slots.take();
    const { began, add, onMove } = startQueue({ slots });
    add(1);
    expect(began).toEqual([]);
    onMove.mockClear();
    slots.give();
    expect(began).toEqual([1]);
    expect(onMove).toHaveBeenCalled();
  });

  it('begins nothing that others have by now, but what is left of a lost log', () => {
    const slots = new Slots(2);
    slots.take();
    slots.take();
    const { hands, began, add } = startQueue({ slots });
    const [gone, orphaned] = add(2);
    hands.release(gone!);
    hands.orphan();
    expect(orphaned!.orphaned).toBe(true);
    slots.give();
    expect(began).toEqual([2]);
  });

  it('tells when a handler has come to its end, after the next has begun', async () => {
    const { began, add, end, onMove } = startQueue();
    add(3);
    const seen: number[] = [];
    onMove.mockImplementation(() => seen.push(began.length));
    await end(1);
    expect(seen.at(-1)).toBe(3);
  });

  it('handles ten thousand in one turn, when each is done at once', () => {
    const { queue, add, onMove } = startQueue({ run: () => DONE });
    add(10_000);
    expect([queue.inFlight, queue.queued]).toEqual([0, 0]);
    expect(onMove).toHaveBeenCalledOnce();
  });
});

describe('the room of a ready queue', () => {
  it('is as much as it has slots, until it knows how long its handlers take', () => {
    const { queue, add } = startQueue();
    expect(queue.room).toBe(2);
    add(2);
    expect(queue.room).toBe(0);
  });

  it('grows by what it handles in 10 ms, and shrinks by what waits', async () => {
    const { queue, add, end } = startQueue();
    add(2);
    await end(1, 4);
    expect(queue.room, 'one slot, and 10 ms / 4 ms for each of two slots').toBe(1 + 5);
    add(3);
    expect([queue.queued, queue.room]).toEqual([2, 0 + 5 - 2]);
  });

  it('grows by less where events are large', async () => {
    const { queue, add, end } = startQueue();
    add(2, 'x'.repeat(16_777_216));
    await end(1);
    expect(queue.room, 'one slot, and not 20, but so many as have 8 million characters').toBeLessThan(1 + 8);
  });

  it('is none when it has stopped', () => {
    const { queue } = startQueue();
    queue.stop();
    expect(queue.room).toBe(0);
  });
});

describe('a ready queue that stops', () => {
  it('gives back what has not begun, and lets the others come to their end', async () => {
    const { queue, add, end, settled, clock } = startQueue();
    add(4);
    expect(queue.stop()).toBe(2);
    expect(settled()).toEqual(['3 release', '4 release']);
    expect([queue.inFlight, queue.queued]).toEqual([2, 0]);
    await end(1);
    expect(settled()).toEqual(['1 done']);
    expect(clock.timers).toBe(0);
  });

  it('goes on with what is left of a lost log, because nobody else could have it', async () => {
    const { queue, hands, began, add, end } = startQueue();
    add(3);
    hands.orphan();
    expect(queue.stop()).toBe(0);
    await end(1);
    expect(began).toEqual([1, 2, 3]);
  });

  it('forgets what has not begun when it is closed', async () => {
    const { queue, began, add, end, settled, clock } = startQueue();
    add(3);
    queue.close();
    await end(1);
    expect(began).toEqual([1, 2]);
    expect(settled()).toEqual(['1 done']);
    expect(clock.timers).toBe(0);
  });
});

describe('a ready queue whose handlers stall', () => {
  it('gives back what was read ahead, reads nothing ahead, and tells', async () => {
    const { queue, add, end, settled, clock, onStall } = startQueue();
    add(2);
    await end(1);
    add(3);
    settled();
    await clock.turn(99);
    expect([queue.queued, onStall.mock.calls.length]).toEqual([2, 0]);
    await clock.turn(1);
    expect(settled()).toEqual(['4 release', '5 release']);
    expect([queue.queued, queue.room, onStall.mock.calls.length]).toEqual([0, 0, 1]);
    await end(2);
    expect(queue.room, 'a handler is done again').toBeGreaterThan(1);
  });

  it('tells also when nothing waits just now, because more would be read ahead', async () => {
    const { queue, add, end, clock, onStall } = startQueue();
    add(2);
    await end(1);
    add(1);
    expect([queue.queued, queue.room]).toEqual([0, 20]);
    await clock.turn(100);
    expect([queue.room, onStall.mock.calls.length]).toEqual([0, 1]);
  });

  it('is looked after again while handlers come to their end', async () => {
    const { add, end, clock, onStall } = startQueue();
    add(10);
    for (let token = 1; token <= 3; token++) {
      await clock.turn(99);
      await end(token);
    }
    expect(onStall).not.toHaveBeenCalled();
    await clock.turn(200);
    expect(onStall).toHaveBeenCalledOnce();
  });

  it('is looked after by one timer, and again after it has stalled', async () => {
    const { queue, add, end, clock, onStall } = startQueue();
    add(3);
    queue.fill();
    expect(clock.timers).toBe(1);
    await clock.turn(100);
    expect([clock.timers, onStall.mock.calls.length]).toEqual([0, 1]);
    await end(1);
    add(1);
    await clock.turn(100);
    expect(onStall).toHaveBeenCalledTimes(2);
  });

  it('is let be while nothing is read ahead', async () => {
    const { add, clock } = startQueue();
    add(2);
    expect(clock.timers, 'how long its handlers take is not known').toBe(0);
  });

  it('is let be while it has a free slot, and when it has one by then', async () => {
    const slots = new Slots(2);
    const { queue, add, end, clock, onStall } = startQueue({ slots });
    add(1);
    await end(1);
    add(1);
    expect(clock.timers).toBe(0);
    slots.take();
    queue.fill();
    expect(clock.timers).toBe(1);
    slots.give();
    await clock.turn(100);
    expect(onStall).not.toHaveBeenCalled();
  });

  it('is let be once it has stopped', async () => {
    const slots = new Slots(2);
    const { queue, add, end, clock } = startQueue({ slots });
    add(2);
    await end(1);
    queue.stop();
    slots.take();
    queue.fill();
    expect(clock.timers).toBe(0);
  });
});
