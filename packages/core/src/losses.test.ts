import { describe, expect, it } from 'vitest';
import { TurnedClock } from '../test/doubles.js';
import { BusEvents, type Gap, type Recovered } from './bus-events.js';
import { RecordedLogger } from './conformance/recorded-logger.js';
import { Losses } from './losses.js';

function bench() {
  const clock = new TurnedClock();
  const logger = new RecordedLogger();
  const events = new BusEvents(logger);
  const stats = { missed: 0, recovered: 0 };
  const link = { resumedAt: Number.NEGATIVE_INFINITY };
  const [gaps, recovered]: [Gap[], Recovered[]] = [[], []];
  events.on('gap', (gap) => gaps.push(gap));
  events.on('recovered', (each) => recovered.push(each));
  const losses = new Losses({ title: 'orders.*', stats, events, resumedAt: () => link.resumedAt, logger, clock });
  const miss = (missed: number, channel = 'shop:orders.placed') =>
    losses.missed({ channel, source: '/shop/1', missed, reason: 'unknown' });
  const logged = () => logger.at('warn').map(({ fields }) => fields);
  return { clock, logger, stats, link, gaps, recovered, losses, miss, logged };
}

describe('the losses of a subscription', () => {
  it('are counted and told at once, each of them', () => {
    const { stats, gaps, miss } = bench();
    miss(3);
    miss(2, 'shop:orders.paid');
    expect(stats).toEqual({ missed: 5, recovered: 0 });
    expect(gaps).toEqual([
      { subscription: 'orders.*', channel: 'shop:orders.placed', source: '/shop/1', missed: 3, reason: 'unknown' },
      { subscription: 'orders.*', channel: 'shop:orders.paid', source: '/shop/1', missed: 2, reason: 'unknown' },
    ]);
  });

  it('are gathered for a second into one line of the log', async () => {
    const { clock, miss, logged } = bench();
    miss(3);
    await clock.turn(600);
    miss(2, 'shop:orders.paid');
    miss(1);
    await clock.turn(399);
    expect(logged()).toEqual([]);
    await clock.turn(1);
    expect(logged()).toEqual([
      { subscription: 'orders.*', channels: ['shop:orders.placed', 'shop:orders.paid'], missed: 6, missedInAll: 6 },
    ]);
  });

  it('make one line for each outage, however soon the next one follows', async () => {
    const { clock, link, miss, logged } = bench();
    for (const outage of [1, 2, 3]) {
      link.resumedAt = clock.now();
      miss(outage);
      await clock.turn(1500);
    }
    expect(logged().map(({ missed, missedInAll }) => [missed, missedInAll])).toEqual([
      [1, 1],
      [2, 3],
      [3, 6],
    ]);
  });

  it('make a line now and then when there is no outage, and none of them is kept quiet', async () => {
    const { clock, miss, logged } = bench();
    for (let n = 0; n < 25; n++) {
      miss(1);
      await clock.turn(1000);
    }
    expect(logged().map(({ missed }) => missed)).toEqual([1, 10, 10]);
    await clock.turn(10_000);
    expect(logged().map(({ missed }) => missed)).toEqual([1, 10, 10, 4]);
    expect(clock.timers).toBe(0);
  });

  it('tell of a new outage without waiting for the turn of the last one', async () => {
    const { clock, link, miss, logged } = bench();
    miss(1);
    await clock.turn(1000);
    miss(1);
    await clock.turn(1000);
    link.resumedAt = clock.now();
    miss(1);
    await clock.turn(1000);
    expect(logged().map(({ missed }) => missed)).toEqual([1, 2]);
  });

  it('are taken back when they come after all, and then not logged', async () => {
    const { clock, stats, losses, miss, logged } = bench();
    miss(2);
    losses.found(2);
    await clock.turn(2000);
    expect(stats.missed).toBe(0);
    expect(logged()).toEqual([]);
  });

  it('are logged also when as many were taken back that had been logged before', async () => {
    const { clock, link, stats, losses, miss, logged } = bench();
    miss(5);
    await clock.turn(1000);
    losses.found(5);
    link.resumedAt = clock.now();
    miss(5);
    await clock.turn(1000);
    expect(stats.missed).toBe(5);
    expect(logged().map(({ missed, missedInAll }) => [missed, missedInAll])).toEqual([
      [5, 5],
      [5, 5],
    ]);
  });

  it('name no more than ten channels', async () => {
    const { clock, miss, logged } = bench();
    for (let n = 0; n < 12; n++) miss(1, `shop:orders.${n}`);
    await clock.turn(1000);
    expect(logged()[0]).toMatchObject({ missed: 12, channels: expect.objectContaining({ length: 10 }) });
  });

  it.each([
    ['while they are gathered', 0],
    ['while they wait for their turn', 1000],
  ])('are logged at the end, also %s', async (_, wait) => {
    const { clock, losses, miss, logged } = bench();
    miss(1);
    await clock.turn(1000);
    miss(7);
    await clock.turn(wait);
    losses.end();
    expect(logged().map(({ missed }) => missed)).toEqual([1, 7]);
    expect(clock.timers).toBe(0);
    losses.end();
    expect(logged()).toHaveLength(2);
  });

  it('leave what has been read again to another figure', () => {
    const { logger, stats, recovered, losses } = bench();
    losses.recovered('shop:orders.placed', 4);
    expect(stats).toEqual({ missed: 0, recovered: 4 });
    expect(recovered).toEqual([{ subscription: 'orders.*', channel: 'shop:orders.placed', recovered: 4 }]);
    expect(logger.at('info')).toHaveLength(1);
    expect(logger.at('warn')).toEqual([]);
  });
});
