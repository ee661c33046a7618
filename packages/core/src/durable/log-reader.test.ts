import { describe, expect, it, vi } from 'vitest';
import { nextTurn, TurnedClock, watched } from '../../test/doubles.js';
import { ScriptedDurability } from '../../test/scripted-durability.js';
import { Slots } from '../slots.js';
import type { Attempt } from './attempts.js';
import type { LogEntry, LogPart } from './durability.js';
import { LogReader, type LogReaderOptions } from './log-reader.js';
import type { News, Outcome } from './outcome.js';

const DONE: Outcome = { outcome: 'done' };
const AGAIN: Outcome = { outcome: 'retry', delay: 100 };
const DEAD: Outcome = { outcome: 'dead', reason: { code: 'NO', message: 'no' } };

/** Lets follow what follows. */
async function quiet(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await nextTurn();
}

/** A log that the test fills, and a reader of it with two slots. */
function readerOf(options: Partial<LogReaderOptions> = {}) {
  const clock = new TurnedClock();
  const log = { entries: [] as LogEntry[], count: 0, epoch: 'e', dueIn: undefined as number | undefined };
  const asked: { after: string | undefined; epoch: string; count: number }[] = [];
  const began: Attempt[] = [];
  const ends = new Map<string, (outcome: Outcome) => void>();
  const news: News[] = [];
  const durable = new ScriptedDurability();
  durable.read = async (_, after, epoch, count): Promise<LogPart> => {
    asked.push({ after, epoch, count });
    const known = epoch === '' || epoch === log.epoch ? Number(after ?? Number.POSITIVE_INFINITY) : 0;
    const entries = log.entries.filter(({ id }) => Number(id) > known).slice(0, count);
    return { entries, last: log.entries.at(-1)?.id ?? '0', count: log.count, epoch: log.epoch, dueIn: log.dueIn };
  };
  const { signal } = new AbortController();
  const reader = new LogReader({
    durable,
    channel: 'shop:orders.placed',
    slots: new Slots(2),
    signal,
    run: (attempt) => {
      began.push(attempt);
      return new Promise((resolve) => ends.set(attempt.id, resolve));
    },
    tell: (each) => void news.push(each),
    clock,
    ...options,
  });
  /** Appends entries with these keys. */
  const append = (...keys: (string | undefined)[]) => {
    for (const key of keys) {
      const ordinal = ++log.count;
      log.entries.push({ id: String(ordinal), body: `{"n":${ordinal}}`, key, ordinal });
    }
  };
  const ring = async () => {
    reader.ring();
    await quiet();
  };
  /** The handler of an entry comes to its end. */
  const end = async (id: string, outcome: Outcome = DONE) => {
    ends.get(id)!(outcome);
    await quiet();
  };
  const order = () => began.map(({ id, attempt }) => (attempt === 1 ? id : `${id} again`));
  return { reader, durable, log, asked, began, news, clock, append, ring, end, order, signal };
}

describe('a reader of a log', () => {
  it('begins at the end of the log, and hands over what comes after', async () => {
    const { reader, append, ring, began, asked, signal } = readerOf();
    append('a');
    await reader.start();
    append('b');
    await ring();
    expect(began).toEqual([{ id: '2', body: '{"n":2}', key: 'b', ordinal: 2, attempt: 1, signal }]);
    expect(asked).toEqual([
      { after: undefined, epoch: '', count: 0 },
      { after: '1', epoch: 'e', count: 128 },
      { after: '2', epoch: 'e', count: 128 },
    ]);
  });

  it('does not begin when the broker cannot be asked', async () => {
    const { reader, durable, clock, ring } = readerOf();
    durable.read = () => Promise.reject(new Error('It is away.'));
    await expect(reader.start()).rejects.toThrow('It is away.');
    await ring();
    expect(clock.timers).toBe(0);
  });

  it('misses no doorbell that rings while it begins', async () => {
    const { reader, append, order } = readerOf();
    const started = reader.start();
    append(undefined);
    reader.ring();
    await started;
    await quiet();
    expect(order()).toEqual(['1']);
  });

  it('reads once more when a doorbell rings while it reads', async () => {
    const { reader, asked } = readerOf();
    await reader.start();
    reader.ring();
    reader.ring();
    reader.ring();
    await quiet();
    expect(asked).toHaveLength(3);
  });

  it.each([
    [undefined, 1000],
    [300.5, 301],
    [5000, 1000],
  ])('looks by itself: with something due in %s ms, after %i ms', async (dueIn, pause) => {
    const { reader, log, append, clock, order } = readerOf();
    log.dueIn = dueIn;
    await reader.start();
    append(undefined);
    await clock.turn(pause - 1);
    expect(order()).toEqual([]);
    await clock.turn(1);
    expect(order()).toEqual(['1']);
  });

  it('leaves alone what is for one group', async () => {
    const { reader, append, log, ring, order } = readerOf();
    await reader.start();
    append(undefined, undefined);
    log.entries[0] = { ...log.entries[0]!, only: 'billing' };
    await ring();
    expect(order()).toEqual(['2']);
  });

  it('handles no more at a time than there are slots, and shows what runs and what waits', async () => {
    const { reader, append, ring, end, order } = readerOf();
    await reader.start();
    append(undefined, undefined, undefined);
    await ring();
    expect(order()).toEqual(['1', '2']);
    expect([reader.inFlight, reader.queued]).toEqual([2, 1]);
    await end('2');
    expect(order()).toEqual(['1', '2', '3']);
    expect([reader.inFlight, reader.queued]).toEqual([2, 0]);
  });

  it('goes on when another subscriber to the same slots is done', async () => {
    const slots = new Slots(1);
    const { reader, append, ring, order } = readerOf({ slots });
    await reader.start();
    slots.take();
    append(undefined);
    await ring();
    expect(order()).toEqual([]);
    slots.give();
    expect(order()).toEqual(['1']);
  });

  it('handles all of a long log in one turn, when each is done at once', async () => {
    const seen: string[] = [];
    const run = ({ id }: Attempt) => {
      seen.push(id);
      return DONE;
    };
    const { reader, append } = readerOf({ slots: new Slots(10_000), run });
    await reader.start();
    append(...Array.from({ length: 5000 }, () => undefined));
    reader.ring();
    await vi.waitUntil(() => seen.length === 5000);
    expect(seen).toEqual(Array.from({ length: 5000 }, (_, n) => String(n + 1)));
    expect(reader.queued).toBe(0);
  });

  it('holds no more than 1024 entries, and reads on when there is room', async () => {
    const { reader, append, asked, ring, end, clock } = readerOf();
    await reader.start();
    append(...Array.from({ length: 2000 }, () => undefined));
    await ring();
    await vi.waitUntil(() => reader.queued + reader.inFlight === 1024);
    const calls = asked.length;
    await clock.turn(5000);
    await ring();
    expect(asked).toHaveLength(calls);
    await end('1');
    expect(asked.slice(calls)).toEqual([{ after: '1024', epoch: 'e', count: 1 }]);
    expect(reader.queued + reader.inFlight).toBe(1024);
  });
});

describe('the order of a key', () => {
  it('is kept: one is handled at a time, and others go on', async () => {
    const { reader, append, ring, end, order } = readerOf({ slots: new Slots(10) });
    await reader.start();
    append('a', 'a', 'b', undefined, 'a');
    await ring();
    expect(order()).toEqual(['1', '3', '4']);
    await end('1');
    expect(order()).toEqual(['1', '3', '4', '2']);
    await end('3');
    await end('2', DEAD);
    expect(order()).toEqual(['1', '3', '4', '2', '5']);
  });

  it('is kept through retries', async () => {
    const { reader, append, ring, end, order, clock } = readerOf();
    await reader.start();
    append('a', 'a', 'b');
    await ring();
    await end('1', AGAIN);
    await end('3');
    expect(order(), 'a waits').toEqual(['1', '3']);
    await clock.turn(99);
    expect(order()).toEqual(['1', '3']);
    await clock.turn(1);
    expect(order()).toEqual(['1', '3', '1 again']);
    await end('1');
    expect(order()).toEqual(['1', '3', '1 again', '2']);
  });

  it('is forgotten when all of it is done', async () => {
    const { reader, append, ring, end, order } = readerOf();
    await reader.start();
    append('a');
    await ring();
    await end('1');
    append('a');
    await ring();
    expect(order()).toEqual(['1', '2']);
  });
});

describe('an entry that fails', () => {
  it('takes no slot while it waits, and counts its attempts', async () => {
    const { reader, append, ring, end, order, began, clock } = readerOf({ slots: new Slots(1) });
    await reader.start();
    append(undefined, undefined);
    await ring();
    await end('1', AGAIN);
    expect(order()).toEqual(['1', '2']);
    expect([reader.inFlight, reader.queued]).toEqual([1, 1]);
    await end('2');
    await clock.turn(100);
    await end('1', AGAIN);
    await clock.turn(100);
    expect(began.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 3]);
  });
});

describe('a reader that is told more of the log', () => {
  it('counts what was trimmed before it came to it', async () => {
    const { reader, append, log, ring, news, order } = readerOf({ slots: new Slots(10) });
    await reader.start();
    append(undefined, undefined, undefined, undefined);
    log.entries.splice(0, 2);
    await ring();
    expect(order()).toEqual(['3', '4']);
    expect(news).toEqual([{ what: 'lost', count: 2 }]);
  });

  it('says that the log was lost, and goes on with the new one from its beginning', async () => {
    const { reader, append, log, ring, news, order } = readerOf({ slots: new Slots(10) });
    await reader.start();
    append(undefined, undefined);
    await ring();
    Object.assign(log, { entries: [], count: 0, epoch: 'another' });
    append(undefined);
    await ring();
    expect(order()).toEqual(['1', '2', '1']);
    expect(news).toEqual([{ what: 'emptied' }]);
  });

  it('says how many are gone when the broker is back with older data', async () => {
    const { reader, append, log, ring, news } = readerOf({ slots: new Slots(10) });
    await reader.start();
    append(undefined, undefined, undefined);
    await ring();
    Object.assign(log, { entries: log.entries.slice(0, 1), count: 1 });
    await ring();
    await ring();
    expect(news).toEqual([{ what: 'rewound', count: 2 }]);
  });

  it('is not confused by the number of a stranger', async () => {
    const { reader, append, log, ring, news, order } = readerOf({ slots: new Slots(10) });
    await reader.start();
    append(undefined);
    log.entries.push({ id: '1.5', body: '{}', key: undefined, ordinal: 999 });
    append(undefined);
    await ring();
    expect(order()).toEqual(['1', '1.5', '2']);
    expect(news).toEqual([]);
  });

  it('tries again every second when the log cannot be read, and tells of it once', async () => {
    const { reader, append, durable, clock, news, order, ring } = readerOf();
    await reader.start();
    append(undefined);
    const { read } = durable;
    let calls = 0;
    durable.read = async () => {
      calls++;
      throw new Error('It is away.');
    };
    await ring();
    await clock.turn(2999);
    expect(calls).toBe(3);
    expect(news).toEqual([{ what: 'unavailable', error: new Error('It is away.') }]);
    durable.read = read;
    await clock.turn(1);
    expect(order()).toEqual(['1']);
    durable.read = () => Promise.reject(new Error('Again.'));
    await ring();
    expect(news).toHaveLength(2);
  });
});

describe('a reader that stops', () => {
  it('reads no more, and finishes what it has, with its retries', async () => {
    const { reader, append, ring, end, order, asked, clock } = readerOf({ slots: new Slots(1) });
    await reader.start();
    append('a', 'a');
    await ring();
    reader.stop();
    const idle = watched(reader.idle());
    append(undefined);
    const calls = asked.length;
    await ring();
    await clock.turn(10_000);
    expect(asked).toHaveLength(calls);
    await end('1', AGAIN);
    await clock.turn(100);
    await end('1');
    expect(idle.isSettled).toBe(false);
    await end('2');
    expect(order()).toEqual(['1', '1 again', '2']);
    expect(idle.isSettled).toBe(true);
    expect(clock.timers).toBe(0);
  });

  it('is done at once when it has nothing', async () => {
    const { reader } = readerOf();
    await reader.start();
    reader.stop();
    await reader.idle();
    expect(reader.queued).toBe(0);
  });

  it('forgets what has not begun when the time is over, and says how many that were', async () => {
    const { reader, append, ring, end, order, clock } = readerOf();
    await reader.start();
    append('a', 'a', 'b', undefined, undefined);
    await ring();
    await end('1', AGAIN);
    expect(order()).toEqual(['1', '3', '4']);
    expect(reader.abandon(), 'two of a, and the last one').toBe(3);
    const idle = watched(reader.idle());
    await end('3', AGAIN);
    await clock.turn(1000);
    expect(idle.isSettled).toBe(false);
    await end('4');
    expect(idle.isSettled).toBe(true);
    expect(order()).toEqual(['1', '3', '4']);
    expect(clock.timers).toBe(0);
  });

  it('begins nothing that it was just reading when the time was over', async () => {
    const { reader, append, order } = readerOf();
    await reader.start();
    append(undefined, undefined);
    reader.ring();
    expect(reader.abandon()).toBe(0);
    await reader.idle();
    await quiet();
    expect(order()).toEqual([]);
    expect(reader.queued).toBe(0);
  });
});
