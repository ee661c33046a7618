import { describe, expect, it } from 'vitest';
import { TurnedClock } from '../test/doubles.js';
import { Random } from './random.js';
import { BusEvents, type Gap } from './bus-events.js';
import { RecordedLogger } from './conformance/recorded-logger.js';
import { Losses } from './losses.js';
import type { Standing } from './standing.js';
import { SequenceWatch } from './sequence-watch.js';

const numberOf = (source: string, sequence: number, uncertain?: readonly [number, number]): Standing => ({
  source,
  sequence,
  uncertain,
  cursor: undefined,
});

const CHANNEL = 'shop:orders.placed';

function bench() {
  const clock = new TurnedClock();
  const logger = new RecordedLogger();
  const events = new BusEvents(logger);
  const stats = { missed: 0, recovered: 0 };
  const link = { resumedAt: Number.NEGATIVE_INFINITY };
  const gaps: Gap[] = [];
  events.on('gap', (gap) => gaps.push(gap));
  const resumedAt = () => link.resumedAt;
  const losses = new Losses({ title: 'orders.*', stats, events, resumedAt, logger, clock });
  const watch = new SequenceWatch({ losses, resumedAt, clock });
  const see = (...sequences: number[]) => {
    for (const sequence of sequences) watch.see(CHANNEL, numberOf('a', sequence));
  };
  return { clock, stats, link, gaps, watch, see };
}

describe('the watch over the numbers of events', () => {
  it('sees no gap in what comes in order, also when it comes late into it', async () => {
    const { clock, stats, see, watch } = bench();
    see(57, 58, 59);
    await clock.turn(1000);
    see(60);
    watch.end();
    expect(stats.missed).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it('keeps publishers and channels apart', async () => {
    const { clock, gaps, watch } = bench();
    for (let n = 1; n <= 20; n++)
      for (const channel of ['x', 'y'])
        for (const [at, source] of ['a', 'b', 'c'].entries())
          if (!(channel === 'y' && source === 'b' && n === 7)) watch.see(channel, numberOf(source, n + at * 100));
    await clock.turn(1000);
    expect(gaps).toEqual([{ subscription: 'orders.*', channel: 'y', source: 'b', missed: 1, reason: 'unknown' }]);
  });

  it('counts a gap at once when the connection was interrupted since', () => {
    const { clock, gaps, link, see } = bench();
    see(1, 2);
    clock.time += 100;
    link.resumedAt = clock.now();
    clock.time += 100;
    see(6);
    expect(gaps).toMatchObject([{ source: 'a', missed: 3, reason: 'interrupted' }]);
  });

  it('counts a gap after half a second when the connection was well', async () => {
    const { clock, gaps, stats, link, see } = bench();
    link.resumedAt = clock.now() - 1;
    see(1, 2, 6);
    await clock.turn(499);
    expect(stats.missed).toBe(0);
    await clock.turn(1);
    expect(gaps).toMatchObject([{ missed: 3, reason: 'unknown' }]);
  });

  it('asks what was the last to come in order, and not the first, whether an interruption was since', async () => {
    const { clock, gaps, link, see } = bench();
    see(1);
    clock.time += 100;
    link.resumedAt = clock.now();
    clock.time += 100;
    see(2, 4);
    expect(gaps).toEqual([]);
    await clock.turn(500);
    expect(gaps).toMatchObject([{ missed: 1, reason: 'unknown' }]);
  });

  it('takes what comes late within that time for no gap', async () => {
    const { clock, gaps, see } = bench();
    see(1, 3, 2, 7);
    await clock.turn(300);
    see(5, 6, 4, 8);
    await clock.turn(1000);
    expect(gaps).toEqual([]);
  });

  it('counts no more than has not come when the time is over', async () => {
    const { clock, gaps, see } = bench();
    see(1, 10, 4, 7);
    await clock.turn(500);
    expect(gaps.map(({ missed }) => missed)).toEqual([6]);
  });

  it('takes back what comes later than that', async () => {
    const { clock, stats, see } = bench();
    see(1, 5);
    await clock.turn(500);
    expect(stats.missed).toBe(3);
    see(3);
    expect(stats.missed).toBe(2);
    see(3);
    expect(stats.missed).toBe(2);
    see(2, 4);
    expect(stats.missed).toBe(0);
  });

  it('counts a hole once, whatever comes after it', async () => {
    const { clock, stats, link, see } = bench();
    see(1, 3);
    await clock.turn(500);
    see(4, 6);
    await clock.turn(500);
    expect(stats.missed).toBe(2);
    link.resumedAt = clock.now();
    see(8);
    expect(stats.missed).toBe(3);
  });

  it('does not count what its publisher does not know to be published, and takes no harm when it was', async () => {
    const { clock, stats, watch, see } = bench();
    see(1, 2);
    watch.see(CHANNEL, numberOf('a', 9, [4, 7]));
    await clock.turn(500);
    expect(stats.missed).toBe(2); // 3 and 8
    see(5, 6, 10);
    await clock.turn(500);
    expect(stats.missed).toBe(2);
    watch.see(CHANNEL, numberOf('a', 14, [1, 20]));
    await clock.turn(500);
    expect(stats.missed).toBe(2);
  });

  it('follows numbers that begin anew, and sees gaps among them', async () => {
    const { clock, stats, see } = bench();
    see(5000, 5001, 1, 2, 3);
    await clock.turn(500);
    expect(stats.missed).toBe(0);
    see(6, 5);
    expect(stats.missed).toBe(0);
    await clock.turn(500);
    expect(stats.missed).toBe(1);
  });

  it('knows by the first of them that what is missing since is no part of an interruption before', async () => {
    const { clock, gaps, link, see } = bench();
    see(100);
    clock.time += 100;
    link.resumedAt = clock.now();
    clock.time += 100;
    see(1, 2, 4, 3);
    await clock.turn(500);
    expect(gaps).toEqual([]);
  });

  it('does not follow a single number that is out of place, nor a stray', async () => {
    const { clock, stats, see, watch } = bench();
    see(100, 7, 101, 50, 102);
    for (const sequence of [8, 9, 10]) watch.see(CHANNEL, numberOf('a', sequence), true);
    see(103);
    await clock.turn(500);
    expect(stats.missed).toBe(0);
  });

  it('fills a hole with a stray', async () => {
    const { clock, stats, see, watch } = bench();
    see(1, 4);
    await clock.turn(500);
    watch.see(CHANNEL, numberOf('a', 2), true);
    expect(stats.missed).toBe(1);
  });

  it('makes nothing of a number that is too large to be true, and is back in step with the next two', async () => {
    const { clock, stats, see } = bench();
    see(1, 2, 999_999_999_999_999, 3, 4, 5, 7);
    await clock.turn(500);
    expect(stats.missed).toBe(1);
  });

  it('counts what is missing when it ends, and says nothing after', async () => {
    const { clock, stats, see, watch } = bench();
    see(1, 4);
    watch.end();
    expect(stats.missed).toBe(2);
    expect(clock.timers).toBe(1); // of the log
    await clock.turn(1000);
    expect(stats.missed).toBe(2);
    see(9);
    expect(stats.missed).toBe(2);
  });

  it('forgets a channel, with what is missing on it, and begins anew there', async () => {
    const { clock, stats, see, watch } = bench();
    see(1, 4);
    watch.see('shop:others', numberOf('a', 1));
    watch.forget(CHANNEL);
    expect(clock.timers).toBe(0);
    see(9, 10);
    watch.see('shop:others', numberOf('a', 3));
    await clock.turn(500);
    expect(stats.missed).toBe(1);
  });

  it('keeps sixteen holes, and counts those that it forgets', async () => {
    const { clock, stats, see } = bench();
    for (let n = 0; n < 20; n++) see(1 + 2 * n);
    expect(stats.missed).toBe(18); // with every one that is too many, those before it are counted
    see(2, 4); // holes that it has forgotten
    expect(stats.missed).toBe(18);
    see(36); // and one that it has not
    expect(stats.missed).toBe(17);
    await clock.turn(500);
    expect(stats.missed).toBe(18);
  });

  it('keeps no more of them either when one is filled piece by piece', async () => {
    const { clock, stats, see } = bench();
    see(1, 1_000_001);
    const began = performance.now();
    for (let n = 3; n < 200_000; n += 2) see(n);
    expect(performance.now() - began).toBeLessThan(2000); // each of them looks at all holes
    await clock.turn(500);
    expect(stats.missed).toBeGreaterThan(900_000 - 100_000);
    expect(stats.missed).toBeLessThan(1_000_000);
  });

  it('remembers ten thousand publishers of a channel, and counts what is missing of those that it forgets', async () => {
    const { stats, see, watch } = bench();
    see(1, 3);
    for (let n = 1; n < 10_000; n++) watch.see(CHANNEL, numberOf(`other ${n}`, 1));
    expect(stats.missed).toBe(0);
    watch.see(CHANNEL, numberOf('one more', 1));
    expect(stats.missed).toBe(1);
    see(9); // seen for the first time
    watch.see(CHANNEL, numberOf('other 9999', 3));
    watch.end();
    expect(stats.missed).toBe(2);
  });

  it('remembers ten thousand channels', () => {
    const { stats, see, watch } = bench();
    see(1, 3);
    for (let n = 1; n < 10_000; n++) watch.see(`channel ${n}`, numberOf('a', 1));
    expect(stats.missed).toBe(0);
    watch.see('one more', numberOf('a', 1));
    expect(stats.missed).toBe(1);
    watch.see('channel 9999', numberOf('a', 3));
    watch.end();
    expect(stats.missed).toBe(2);
  });

  it.each(Array.from({ length: 30 }, (_, seed) => seed + 1))(
    'counts what does not come, and nothing else, in whatever order the rest comes (seed %d)',
    async (seed) => {
      const random = new Random(seed);
      const { clock, stats, link, see } = bench();
      const lost = new Set<number>();
      let late: number[] = [];
      see(1);
      for (let n = 2; n <= 200; n++) {
        const dice = random.next();
        if (dice < 0.05) lost.add(n);
        else if (dice < 0.15 && late.length < 5) late.push(n);
        else see(n);
        if (random.chance(0.1)) {
          if (random.chance(0.3)) link.resumedAt = clock.now();
          await clock.turn(random.below(700));
        }
        if (random.chance(0.1)) {
          see(...late.toSorted(() => random.next() - 0.5));
          late = [];
        }
      }
      // A late one that is followed by its successor may look like a new beginning: only where it fills no hole, and each of these does.
      see(...late, 201);
      await clock.turn(500);
      expect(stats.missed).toBe(lost.size);
    },
  );
});
