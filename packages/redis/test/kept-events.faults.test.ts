import { defineEvent } from '@belfry/contracts';
import type { Bus } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { broadcastChannel, historyKey } from '../src/names.js';
import { connectTo, newGate, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { goAway, OrderKept, pause, publishAll, watch } from './loss-world.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const LAST = 9_999_999;
const schema = z.object({ n: z.number() });

let namespace: string;
let channel: string;
beforeEach(() => {
  namespace = uniqueNamespace();
  channel = `${namespace}:orders.kept`;
});

const publisherAt = (url: string): Bus => startBus('publisher', { url }, { namespace });
const subscriberAt = (url: string, logger = collectingLogger()): Bus =>
  startBus('screen', { url }, { namespace, logger });

describe('what is kept for a subscriber that was away', () => {
  it('is read by nobody else', async () => {
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const [away, there] = [subscriberAt(proxy.url), subscriberAt(sharedUrl)];
    const [missing, present] = [await watch(away, OrderKept), await watch(there, OrderKept)];
    const publisher = publisherAt(sharedUrl);
    await publishAll(publisher, range(10));
    await until(() => missing.noted.length === 10);
    await proxy.refuse();
    await until(() => away.status === 'interrupted');
    await until(async () => (await redis.pubsub('NUMSUB', broadcastChannel(channel)))[1] === 1);
    await publishAll(publisher, range(500, 10));
    await until(() => present.noted.length === 510);
    await proxy.accept();
    await until(() => missing.noted.length === 510);
    for (const { noted, stats } of [missing, present]) {
      expect(noted).toEqual(range(510));
      expect(stats.missed).toBe(0);
    }
    await until(() => missing.recovered.length > 0);
    expect(missing.recovered).toEqual([{ subscription: 'orders.kept', channel, recovered: 500 }]);
    expect(present.recovered).toEqual([]);
  });

  it('does not reach back far enough: the rest is counted exactly, and told', async () => {
    const Few = defineEvent('orders.kept', { schema, recover: { count: 20 } });
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const logger = collectingLogger();
    const bus = subscriberAt(proxy.url, logger);
    const subscriber = await watch(bus, Few);
    const publishers = [publisherAt(sharedUrl), publisherAt(sharedUrl)] as const;
    await publishAll(publishers[0], range(5), Few);
    await publishAll(publishers[1], range(5, 5), Few);
    await until(() => subscriber.noted.length === 10);
    await goAway(proxy, bus, redis, channel);
    for (const n of range(25, 10)) for (const each of publishers) await each.publish(Few, { n });
    await proxy.accept();
    await until(() => subscriber.noted.length === 30);
    expect(subscriber.gaps).toEqual([
      { subscription: 'orders.kept', channel, source: undefined, missed: 30, reason: 'history' },
    ]);
    for (const [at, each] of publishers.entries()) await each.publish(Few, { n: LAST + at });
    await until(() => subscriber.noted.includes(LAST + 1));
    expect(subscriber.stats).toMatchObject({ missed: 30, recovered: 20, received: 32 }); // and not once more by their numbers
    expect(subscriber.gaps).toHaveLength(1);
    await until(() => logger.lines.filter((line) => line.includes('has never received')).length === 1);
  });

  it('has grown too old: what has gone by then is counted', async () => {
    const Short = defineEvent('orders.kept', { schema, recover: { age: 2000 } }); // longer than it takes to come back
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const bus = subscriberAt(proxy.url);
    const subscriber = await watch(bus, Short);
    const publisher = publisherAt(sharedUrl);
    await publishAll(publisher, range(10), Short);
    await until(() => subscriber.noted.length === 10);
    await goAway(proxy, bus, redis, channel);
    await publishAll(publisher, range(7, 10), Short);
    await until(async () => (await redis.exists(historyKey(channel))) === 0);
    await publishAll(publisher, range(3, 17), Short);
    await proxy.accept();
    await until(() => subscriber.stats.received === 13);
    await publisher.publish(Short, { n: LAST });
    await until(() => subscriber.noted.includes(LAST));
    expect(subscriber.noted).toEqual([...range(10), ...range(3, 17), LAST]);
    expect(subscriber.stats.missed).toBe(7);
    expect(subscriber.gaps).toMatchObject([{ channel, missed: 7 }]);
  });

  it('is read as fast as it is handled: the queue is never overrun', async () => {
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const bus = subscriberAt(proxy.url);
    const gate = newGate();
    const subscriber = await watch(bus, OrderKept, {
      maxQueuedMessages: 20,
      concurrency: 1,
      handle: (n) => (n < 0 ? undefined : gate.opened.then(() => pause(1))),
    });
    const publisher = publisherAt(sharedUrl);
    await publisher.publish(OrderKept, { n: -1 });
    await until(() => subscriber.noted.length === 1);
    await goAway(proxy, bus, redis, channel);
    for (const at of range(5)) await publishAll(publisher, range(100, at * 100));
    await proxy.accept();
    await until(() => bus.status === 'connected' && subscriber.stats.queued > 0);
    await publishAll(publisher, range(100, 500)); // meanwhile
    gate.open();
    await until(() => subscriber.noted.length === 601, 20_000);
    expect(subscriber.noted).toEqual(range(601, -1));
    expect(subscriber.stats).toMatchObject({ dropped: 0, missed: 0 });
  });

  it('is kept and read at maxmemory too', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const proxy = await startProxyTo(redis.url);
    const bus = subscriberAt(proxy.url);
    const subscriber = await watch(bus, OrderKept);
    const publisher = publisherAt(redis.url);
    await publishAll(publisher, range(10));
    await until(() => subscriber.noted.length === 10);
    await admin.config('SET', 'maxmemory', '1');
    await expect(admin.set('a', 'b')).rejects.toThrow('OOM');
    await goAway(proxy, bus, admin, channel);
    await publishAll(publisher, range(100, 10));
    await proxy.accept();
    await until(() => subscriber.noted.length === 110);
    expect(subscriber.noted).toEqual(range(110));
    expect(subscriber.stats.missed).toBe(0);
  });

  it('does not hold the events of publishers with an older contract, without recover: they are counted', async () => {
    const Older = defineEvent('orders.kept', { schema });
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const bus = subscriberAt(proxy.url);
    const subscriber = await watch(bus, OrderKept);
    const [newer, older] = [publisherAt(sharedUrl), publisherAt(sharedUrl)];
    for (const n of range(10)) {
      await newer.publish(OrderKept, { n: 2 * n });
      await older.publish(Older, { n: 2 * n + 1 });
    }
    await until(() => subscriber.noted.length === 20);
    expect(subscriber.noted).toEqual(range(20));
    await goAway(proxy, bus, redis, channel);
    await publishAll(newer, range(30, 100));
    await publishAll(older, range(40, 200), Older);
    await proxy.accept();
    await until(() => subscriber.noted.length === 50);
    expect(subscriber.noted.slice(20)).toEqual(range(30, 100));
    await older.publish(Older, { n: LAST });
    await newer.publish(OrderKept, { n: LAST + 1 });
    await until(() => subscriber.noted.includes(LAST + 1));
    expect(subscriber.stats).toMatchObject({ missed: 40, recovered: 30 });
    expect(subscriber.gaps).toMatchObject([
      { source: `/publisher/${older.instance}`, missed: 40, reason: 'interrupted' },
    ]);
  });

  it('is not read by a pattern, which counts what it missed', async () => {
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const bus = subscriberAt(proxy.url);
    const subscriber = await watch(bus, 'orders.*');
    const publisher = publisherAt(sharedUrl);
    await publishAll(publisher, range(3));
    await until(() => subscriber.noted.length === 3);
    await goAway(proxy, bus, redis, channel);
    await publishAll(publisher, range(20, 3));
    await proxy.accept();
    await until(() => bus.status === 'connected');
    await publisher.publish(OrderKept, { n: LAST });
    await until(() => subscriber.noted.includes(LAST));
    expect(subscriber.noted).toEqual([...range(3), LAST]);
    expect(subscriber.stats).toMatchObject({ missed: 20, recovered: 0 });
    expect(subscriber.gaps).toMatchObject([{ subscription: 'orders.*', channel, missed: 20, reason: 'interrupted' }]);
  });
});
