import type { Bus } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { broadcastChannel } from '../src/names.js';
import { connectTo, newGate, startProxyTo, until, watched } from './durable-world.js';
import { HurriedClock } from './hurried-clock.js';
import { handledLast, isUnheard, OrderShipped, watch } from './loss-world.js';
import { collectingLogger, OrderPlaced, range, sharedUrl, startBus } from './world.js';

const LAST = 999_999;

let namespace: string;
/** The subscriber's: what it waits for can be brought about. */
let clock: HurriedClock;
beforeEach(() => {
  namespace = uniqueNamespace();
  clock = new HurriedClock();
});

const sourceOf = ({ name, instance }: Bus): string => `/${name}/${instance}`;
const publisherAt = (url: string, options = {}): Bus => startBus('publisher', { url, ...options }, { namespace });
const subscriberAt = (url: string, logger = collectingLogger()): Bus =>
  startBus('screen', { url }, { namespace, clock, logger });
const publishAll = (bus: Bus, numbers: readonly number[]) =>
  Promise.all(numbers.map((n) => bus.publish(OrderPlaced, { n })));

describe('what was published while a subscriber was away', () => {
  /** Takes the subscriber away while the work is done. */
  const whileAway = async (proxy: Awaited<ReturnType<typeof startProxyTo>>, bus: Bus, work: () => Promise<unknown>) => {
    await proxy.refuse();
    const admin = connectTo();
    for (const event of ['orders.placed', 'orders.shipped'])
      await until(() => isUnheard(admin, `${namespace}:${event}`));
    await until(() => bus.status === 'interrupted');
    await work();
    await proxy.accept();
    await until(() => bus.status === 'connected');
  };

  it.each([
    ['a broadcast', [OrderPlaced, OrderShipped]],
    ['a pattern', 'orders.*'],
  ])('is counted exactly and told, for each publisher and channel, with its next event: %s', async (_, subject) => {
    const proxy = await startProxyTo(sharedUrl);
    const logger = collectingLogger();
    const bus = subscriberAt(proxy.url, logger);
    const { subscription, stats, gaps, noted } = await watch(bus, subject as never);
    const [one, two] = [publisherAt(sharedUrl), publisherAt(sharedUrl)];
    for (const publisher of [one, two]) {
      await publisher.publish(OrderPlaced, { n: 0 });
      await publisher.publish(OrderShipped, { n: 0 });
    }
    await until(() => noted.length === 4);
    await whileAway(proxy, bus, async () => {
      await publishAll(one, range(7));
      await publishAll(two, range(4));
      await Promise.all(range(3).map((n) => one.publish(OrderShipped, { n })));
    });
    expect(stats.missed).toBe(0); // nobody can know yet

    const title = Array.isArray(subject) ? 'orders.placed, orders.shipped' : subject;
    const [placed, shipped] = [`${namespace}:orders.placed`, `${namespace}:orders.shipped`];
    const told = { subscription: title, reason: 'interrupted' };
    await one.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 5);
    expect(gaps).toEqual([{ ...told, channel: placed, source: sourceOf(one), missed: 7 }]);
    expect(stats.missed).toBe(7);
    clock.putForward(1000); // so long the log waits for others
    await two.publish(OrderPlaced, { n: 2 });
    await one.publish(OrderShipped, { n: 3 });
    await two.publish(OrderShipped, { n: 4 });
    await until(() => noted.length === 8);
    expect(gaps.slice(1)).toEqual([
      { ...told, channel: placed, source: sourceOf(two), missed: 4 },
      { ...told, channel: shipped, source: sourceOf(one), missed: 3 },
    ]);
    expect(subscription.stats).toMatchObject({ missed: 14, recovered: 0, received: 8, handled: 8, dropped: 0 });
    clock.putForward(1000);
    const lines = () => logger.lines.filter((line) => line.includes('has never received'));
    expect(lines()).toHaveLength(1); // one outage, one line
    expect(lines()[0]).toContain('"missed":7');

    await whileAway(proxy, bus, () => publishAll(one, range(5)));
    await one.publish(OrderPlaced, { n: 5 });
    await until(() => noted.length === 9);
    clock.putForward(1000);
    expect(lines()).toHaveLength(2); // another outage, with what was left from before
    expect(lines()[1]).toContain('"missed":12,"missedInAll":19');
  });

  it('is told of a connection that seemed well all the time, after a while', async () => {
    const bus = subscriberAt(sharedUrl);
    const subscriber = await watch(bus);
    const redis = connectTo();
    await forge(redis, [1, 4, 5]);
    await until(() => subscriber.noted.length === 3);
    expect(subscriber.stats.missed).toBe(0);
    clock.putForward(501);
    expect(subscriber.stats.missed).toBe(2);
    expect(subscriber.gaps).toEqual([
      {
        subscription: 'orders.placed',
        channel: `${namespace}:orders.placed`,
        source: '/forger/1',
        missed: 2,
        reason: 'unknown',
      },
    ]);
    await forge(redis, [3, 2]); // later still
    await until(() => subscriber.noted.length === 5);
    expect(subscriber.stats.missed).toBe(0);
  });
});

/** Events as a publisher of another make writes them. */
async function forge(redis: ReturnType<typeof connectTo>, numbers: readonly number[], event = 'orders.placed') {
  for (const n of numbers) {
    const head = `{"sequence":"${n}","specversion":"1.0","id":"forged-${n}","source":"/forger/1"`;
    await redis.publish(broadcastChannel(`${namespace}:${event}`), `${head},"type":"${event}","data":{"n":${n}}}`);
  }
}

describe('nothing is told to be missing', () => {
  const ofNothing = { missed: 0, recovered: 0 };

  it.each(['a broadcast', 'a pattern'])('when a publisher is replaced by a new instance of it: %s', async (kind) => {
    const subscriber = await watch(subscriberAt(sharedUrl), kind === 'a pattern' ? 'orders.*' : OrderPlaced);
    for (const round of range(3)) {
      const publisher = publisherAt(sharedUrl);
      await publishAll(publisher, range(5, round * 5));
      await publisher.close();
    }
    const last = publisherAt(sharedUrl);
    await last.publish(OrderPlaced, { n: LAST });
    await handledLast(subscriber, LAST, clock);
    expect(subscriber.noted).toHaveLength(16);
    expect(subscriber.stats).toMatchObject(ofNothing);
    expect(subscriber.gaps).toEqual([]);
  });

  it('by several publishers of several channels, in bursts and alone', async () => {
    const subscribers = [
      await watch(subscriberAt(sharedUrl), [OrderPlaced, OrderShipped]),
      await watch(subscriberAt(sharedUrl), '**'),
    ];
    const publishers = range(4).map(() => publisherAt(sharedUrl));
    for (const round of range(10)) {
      const bursts = publishers.map(async (publisher, at) => {
        await publishAll(publisher, range(round === 5 ? 400 : at * 3));
        await publisher.publish(OrderShipped, { n: round });
      });
      await Promise.all(bursts);
    }
    for (const publisher of publishers) await publisher.publish(OrderPlaced, { n: LAST });
    for (const subscriber of subscribers) {
      await handledLast(subscriber, LAST, clock);
      expect(subscriber.stats).toMatchObject(ofNothing);
      expect(subscriber.gaps).toEqual([]);
    }
  });

  it('where an event took a longer way than the next one of its publisher', async () => {
    const subscriber = await watch(subscriberAt(sharedUrl));
    const redis = connectTo();
    await forge(redis, [1, 3]);
    await until(() => subscriber.noted.length === 2);
    clock.putForward(400);
    await forge(redis, [2, 5]);
    await until(() => subscriber.noted.length === 4);
    clock.putForward(200); // the second has its own time
    await forge(redis, [4, 8, 7, 6, 9]);
    await handledLast(subscriber, 9, clock);
    expect(subscriber.noted).toEqual([1, 3, 2, 5, 4, 8, 7, 6, 9]);
    expect(subscriber.stats).toMatchObject(ofNothing);
    expect(subscriber.gaps).toEqual([]);
  });

  it('where that is what a subscriber sees first', async () => {
    const subscriber = await watch(subscriberAt(sharedUrl));
    await forge(connectTo(), [8, 5, 6, 7, 9, 10]);
    await handledLast(subscriber, 10, clock);
    expect(subscriber.noted).toEqual([8, 5, 6, 7, 9, 10]);
    expect(subscriber.stats).toMatchObject(ofNothing);
    expect(subscriber.gaps).toEqual([]);
  });

  it('where a publisher begins to count anew: and from then on it is noticed again', async () => {
    const subscriber = await watch(subscriberAt(sharedUrl));
    const redis = connectTo();
    await forge(redis, [5001, 5002, 1, 2, 3]);
    await handledLast(subscriber, 3, clock);
    expect(subscriber.stats).toMatchObject(ofNothing);
    await forge(redis, [6]);
    await handledLast(subscriber, 6, clock);
    expect(subscriber.stats.missed).toBe(2);
  });

  it('where a publisher lost its connection, with something on its way of which it does not know what became', async () => {
    const subscriber = await watch(subscriberAt(sharedUrl));
    const proxy = await startProxyTo(sharedUrl);
    const publisher = publisherAt(proxy.url, { heartbeat: 200 });
    await publisher.publish(OrderPlaced, { n: 1 });
    const [{ id } = { id: 0 }] = proxy.list();
    proxy.delay(60_000, (connection) => connection.id === id);
    const written = watched(publisher.publish(OrderPlaced, { n: 2 }));
    await expect(written).rejects.toMatchObject({ code: 'PUBLISH_UNCONFIRMED' }); // the heartbeat has given the connection up
    await publisher.publish(OrderPlaced, { n: 3 });
    await until(() => subscriber.noted.includes(3));
    proxy.delay(0, (connection) => connection.id === id);
    await publisher.publish(OrderPlaced, { n: 4 });
    await handledLast(subscriber, 4, clock);
    expect(subscriber.noted).toEqual([1, 3, 4]); // Redis was told to end the old connection before anything else was done on the new one
    expect(subscriber.stats).toMatchObject(ofNothing);
    expect(subscriber.gaps).toEqual([]);
  });

  it('to a subscriber that joins late', async () => {
    const publisher = publisherAt(sharedUrl);
    await publishAll(publisher, range(20));
    const subscribers = [await watch(subscriberAt(sharedUrl)), await watch(subscriberAt(sharedUrl), 'orders.*')];
    await publishAll(publisher, range(20, 20));
    await publisher.publish(OrderPlaced, { n: LAST });
    for (const subscriber of subscribers) {
      await handledLast(subscriber, LAST, clock);
      expect(subscriber.noted).toEqual([...range(20, 20), LAST]);
      expect(subscriber.stats).toMatchObject(ofNothing);
    }
  });

  it('when what arrives is dropped because the subscriber cannot keep up: that is counted as dropped', async () => {
    const gate = newGate();
    const subscriber = await watch(subscriberAt(sharedUrl), OrderPlaced, {
      maxQueuedMessages: 5,
      concurrency: 1,
      handle: () => gate.opened,
    });
    const publisher = publisherAt(sharedUrl);
    await publishAll(publisher, range(50));
    await until(() => subscriber.stats.dropped > 0);
    gate.open();
    await until(() => subscriber.stats.inFlight === 0);
    await publisher.publish(OrderPlaced, { n: LAST });
    await handledLast(subscriber, LAST, clock);
    expect(subscriber.stats).toMatchObject({ ...ofNothing, received: 51, handled: 7, dropped: 44 });
    expect(subscriber.gaps).toEqual([]);
  });
});
