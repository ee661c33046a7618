import { type OutgoingEvent, systemClock } from '@belfry/core';
import { describe, expect, it, vi } from 'vitest';
import type { EventBatch } from './event-batch.js';
import { EventFlow } from './event-flow.js';

const event = (n: number): OutgoingEvent => ({
  channel: 'shop:orders.placed',
  shared: '{"specversion":"1.0"',
  body: `,"id":"${n}"}`,
  key: undefined,
  public: false,
});

/** A flow, with what it has sent, and what it has given up. */
function start(patience = 5000) {
  const [turn, sent, givenUp]: [EventBatch[], EventBatch[], string[]] = [[], [], []];
  const held = { count: 0, size: 0 };
  const line = { isThere: true };
  const flow: EventFlow = new EventFlow({
    enqueue: (batch) => turn.push(batch),
    dispatch(batch) {
      sent.push(batch);
      if (line.isThere) flow.sent();
    },
    giveUp: (_, reason) => givenUp.push(reason),
    held,
    patience,
    clock: systemClock,
  });
  const endTurn = () => turn.splice(0).forEach((batch) => void flow.leave(batch));
  /** One event per turn. */
  const publish = (count: number) => {
    for (let n = 0; n < count; n++) {
      flow.publish(event(n));
      endTurn();
    }
  };
  return { flow, sent, givenUp, held, line, publish, endTurn };
}

describe('the events of a channel', () => {
  it('leave at the end of their turn, all of a turn together', () => {
    const { flow, sent, endTurn } = start();
    for (let n = 0; n < 10; n++) flow.publish(event(n));
    expect(sent).toHaveLength(0);
    endTurn();
    expect(sent.map(({ count }) => count)).toEqual([10]);
  });

  it('share the next command when four of the channel are unanswered', () => {
    const { flow, sent, held, publish } = start();
    publish(20);
    expect(sent.map(({ count }) => count)).toEqual([1, 1, 1, 1]);
    expect(held.count).toBe(1);
    flow.answered();
    expect(sent.map(({ count }) => count)).toEqual([1, 1, 1, 1, 16]);
    expect(held).toEqual({ count: 0, size: 0 });
  });

  it('keep their order, also where they are too many for one command', () => {
    const { flow, sent, publish } = start();
    publish(4 + 256 + 256 + 10);
    const answers = [0, 0, 0, 0].map(() => {
      flow.answered();
      return sent.length;
    });
    expect(answers).toEqual([5, 6, 7, 7]);
    expect(sent.slice(4).map(({ count }) => count)).toEqual([256, 256, 10]);
    publish(1);
    expect(sent.at(-1)!.count).toBe(1);
  });

  it('all go to wait for a connection when there is none', () => {
    const { flow, sent, held, line, publish } = start();
    publish(4 + 256 * 10);
    line.isThere = false;
    flow.answered();
    expect(sent.map(({ count }) => count)).toEqual([1, 1, 1, 1, ...Array(10).fill(256)]);
    expect(held).toEqual({ count: 0, size: 0 });
  });

  it('do not wait for longer than the bound', () => {
    vi.useFakeTimers();
    try {
      const { flow, sent, givenUp, held, publish } = start(5000);
      publish(10);
      vi.advanceTimersByTime(4999);
      expect(givenUp).toEqual([]);
      vi.advanceTimersByTime(1);
      expect(givenUp).toEqual(['time']);
      expect(held).toEqual({ count: 0, size: 0 });
      publish(1);
      flow.answered();
      expect(sent.at(-1)!.count, 'what was given up is not sent').toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('are given up when too much waits, and when the outbox closes', () => {
    const { flow, givenUp, publish, endTurn } = start();
    publish(4);
    const large = { ...event(0), body: 'x'.repeat(1_000_000) };
    for (let n = 0; n < 40; n++) {
      flow.publish(large);
      endTurn();
    }
    expect(givenUp).toEqual(givenUp.map(() => 'size'));
    expect(givenUp.length).toBe(40 - 34);
    flow.close();
    expect(givenUp.filter((reason) => reason === 'time')).toHaveLength(34);
  });
});
