import type { Bus } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { historyKey } from '../src/names.js';
import { callsOf, connectTo, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { goAway, keptOf, Load, OrderKept, pause, publishAll, watch } from './loss-world.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const LAST = 9_999_999;

let namespace: string;
let channel: string;
beforeEach(() => {
  namespace = uniqueNamespace();
  channel = `${namespace}:orders.kept`;
});

const publisherAt = (url: string): Bus => startBus('publisher', { url, patience: '15s' }, { namespace });
const subscriberAt = (url: string, logger = collectingLogger()): Bus =>
  startBus('screen', { url, heartbeat: 500 }, { namespace, logger });

describe('a Redis that was killed under load', () => {
  it('and has written down everything: every event that it took is handled once, in order', async () => {
    const redis = await startOwnRedis({ appendonly: 'yes', appendfsync: 'always' });
    const subscriber = await watch(subscriberAt(redis.url), OrderKept);
    const loads = range(2).map(
      (at) => new Load(publisherAt(redis.url), OrderKept, { from: at * 1_000_000, pause: () => pause(4) }),
    );
    for (const _ of range(3)) {
      const more = loads.map(({ fulfilled }) => fulfilled.length + 50);
      await until(() => loads.every(({ fulfilled }, at) => fulfilled.length > more[at]!), 20_000);
      await redis.kill('SIGKILL');
      await redis.restart({ empty: false });
    }
    await until(() => subscriber.bus.status === 'connected');
    for (const load of loads) await load.stop();
    await publisherAt(redis.url).publish(OrderKept, { n: LAST });
    await until(() => subscriber.noted.includes(LAST));
    const kept = await keptOf(connectTo(redis.url), channel);
    expect(subscriber.noted).toEqual(kept);
    for (const { fulfilled } of loads) expect(kept).toEqual(expect.arrayContaining(fulfilled));
  });

  it('and comes back empty: what is published from then on is handled once, in order, and nothing waits', async () => {
    const redis = await startOwnRedis();
    const subscriber = await watch(subscriberAt(redis.url), OrderKept);
    const publisher = publisherAt(redis.url);
    for (const round of range(3)) {
      await publishAll(publisher, range(50, round * 100));
      await until(() => subscriber.noted.length === round * 100 + 50);
      await redis.kill('SIGKILL');
      await until(() => publisher.status === 'interrupted');
      const published = publishAll(publisher, range(50, round * 100 + 50)); // before or after the subscriber is back
      await redis.restart({ empty: true });
      await published;
      await until(() => subscriber.noted.length === (round + 1) * 100);
    }
    expect(subscriber.noted).toEqual(range(300));
    expect(subscriber.stats.missed).toBe(0);
    expect(subscriber.gaps).toEqual([]);
  });
});

describe('a Redis that was flushed', () => {
  it('under load, with a subscriber that stays: nothing is missed, and nothing comes twice', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const subscriber = await watch(subscriberAt(redis.url), OrderKept);
    const load = new Load(publisherAt(redis.url), OrderKept);
    for (const command of ['flushall', 'flushdb', 'flushall'] as const) {
      const more = load.fulfilled.length + 200;
      await until(() => load.fulfilled.length > more);
      await admin[command]();
    }
    const more = load.fulfilled.length + 200;
    await until(() => load.fulfilled.length > more);
    await load.stop();
    await until(() => subscriber.noted.length === load.fulfilled.length);
    expect(subscriber.noted).toEqual(range(load.next));
    expect(subscriber.stats.missed).toBe(0);
  });

  it('while a subscriber was away: what had been kept is counted, what came after is read', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const proxy = await startProxyTo(redis.url);
    const bus = subscriberAt(proxy.url);
    const subscriber = await watch(bus, OrderKept);
    const publisher = publisherAt(redis.url);
    await publishAll(publisher, range(10));
    await until(() => subscriber.noted.length === 10);
    await goAway(proxy, bus, admin, channel);
    await publishAll(publisher, range(6, 10));
    await admin.flushall();
    await publishAll(publisher, range(4, 16));
    await proxy.accept();
    await until(() => subscriber.noted.length === 14);
    await publisher.publish(OrderKept, { n: LAST });
    await until(() => subscriber.noted.includes(LAST));
    expect(subscriber.noted).toEqual([...range(10), ...range(4, 16), LAST]);
    expect(subscriber.stats.missed).toBe(6);
    expect(subscriber.gaps).toMatchObject([{ missed: 6, channel }]);
  });
});

describe('a key of another kind in the place of what is kept', () => {
  it('refuses publishes and new subscriptions with a reason, and lets them pass when it is gone', async () => {
    const redis = connectTo();
    await redis.set(historyKey(channel), 'mine');
    const publisher = publisherAt(sharedUrl);
    await expect(publisher.publish(OrderKept, { n: 0 })).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      message: expect.stringContaining('WRONGTYPE'),
    });
    const bus = subscriberAt(sharedUrl);
    await expect(bus.subscribe(OrderKept, () => {}, { broadcast: true })).rejects.toMatchObject({
      code: 'SUBSCRIBE_REFUSED',
      message: expect.stringContaining('WRONGTYPE'),
    });
    await redis.del(historyKey(channel));
    const subscriber = await watch(bus, OrderKept);
    await publisher.publish(OrderKept, { n: 1 });
    await until(() => subscriber.noted.length === 1);
    expect(subscriber.stats.missed).toBe(0);
  });

  it('stops no subscriber: it says that it cannot read what it missed, and goes on', async () => {
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const logger = collectingLogger();
    const bus = subscriberAt(proxy.url, logger);
    const subscriber = await watch(bus, OrderKept);
    const publisher = publisherAt(sharedUrl);
    await publishAll(publisher, range(5));
    await until(() => subscriber.noted.length === 5);
    await goAway(proxy, bus, redis, channel);
    await publishAll(publisher, range(3, 5));
    await redis.set(historyKey(channel), 'mine');
    await proxy.accept();
    await until(() => logger.lines.some((line) => line.includes('refuses to give the history')));
    await redis.del(historyKey(channel));
    await publisher.publish(OrderKept, { n: LAST });
    await until(() => subscriber.noted.includes(LAST));
    await publisher.publish(OrderKept, { n: LAST + 1 });
    await until(() => subscriber.noted.includes(LAST + 1));
    expect(subscriber.noted).toEqual([...range(5), LAST, LAST + 1]);
    expect(subscriber.stats.missed).toBe(3);
  });

  it('nor does an entry that nobody can place: it is not read for ever', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const proxy = await startProxyTo(redis.url);
    const bus = subscriberAt(proxy.url);
    const subscriber = await watch(bus, OrderKept);
    const publisher = publisherAt(redis.url);
    await publisher.publish(OrderKept, { n: 0 });
    await until(() => subscriber.noted.length === 1);
    await admin.xadd(historyKey(channel), '99999999999999999-1', 'e', '{}'); // some millions of years from now
    await goAway(proxy, bus, admin, channel);
    await proxy.accept();
    await until(() => bus.status === 'connected');
    await publisher.publish(OrderKept, { n: 1 });
    await until(() => subscriber.noted.includes(1));
    const before = await callsOf(admin, 'xrange');
    for (const _ of range(50)) await admin.ping(); // as long as fifty reads would take
    expect((await callsOf(admin, 'xrange')) - before).toBeLessThan(10);
    await admin.del(historyKey(channel));
    await publisher.publish(OrderKept, { n: 2 });
    await until(() => subscriber.noted.includes(2));
    expect(subscriber.noted).toEqual([0, 1, 2]);
    expect(subscriber.stats.missed).toBe(0);
  });
});
