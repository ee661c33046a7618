import type { Bus } from '@belfry/core';
import { type TcpProxy, uniqueNamespace } from '@belfry/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { connectTo, startProxyTo, until } from './durable-world.js';
import { keptOf, Load, OrderKept, pause, watch } from './loss-world.js';
import { range, sharedUrl, startBus } from './world.js';
import { Random } from '@belfry/core/random';

const LAST = 9_999_999;

let namespace: string;
let channel: string;
beforeEach(() => {
  namespace = uniqueNamespace();
  channel = `${namespace}:orders.kept`;
});

const publisherAt = (url: string): Bus => startBus('publisher', { url, patience: '15s' }, { namespace });
const subscriberAt = (url: string): Bus => startBus('screen', { url, heartbeat: 200 }, { namespace });

describe('an outage of a subscriber whose events are kept', () => {
  /** Publishes under load by two publishers while the work is done; then everything must have been handled: once, and in its order. */
  const underLoad = async (
    work: (parts: { bus: Bus; proxy: TcpProxy; isHandling: () => Promise<unknown> }) => Promise<void>,
  ) => {
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const bus = subscriberAt(proxy.url);
    const subscriber = await watch(bus, OrderKept);
    const publishers = [publisherAt(sharedUrl), publisherAt(sharedUrl)];
    const loads = publishers.map(
      (each, at) => new Load(each, OrderKept, { from: at * 1_000_000, pause: () => pause(4) }),
    );
    const isHandling = () => {
      const more = subscriber.noted.length + 20;
      return until(() => subscriber.noted.length > more, 20_000);
    };
    await isHandling();
    await work({ bus, proxy, isHandling });
    for (const load of loads) await load.stop();
    await publishers[0]?.publish(OrderKept, { n: LAST });
    await until(() => subscriber.noted.includes(LAST), 20_000);
    expect(subscriber.noted).toEqual(await keptOf(redis, channel));
    expect(subscriber.noted).toHaveLength(loads.reduce((sum, { fulfilled }) => sum + fulfilled.length, 1));
    expect(subscriber.stats.missed).toBe(0);
    expect(subscriber.gaps).toEqual([]);
    return subscriber;
  };
  it.each([
    ['the subscriber connection is', { name: /subscriber$/ }],
    ['the commands connection is', { name: /commands$/ }],
    ['both connections are', { name: /./ }],
  ])('is made up for when %s cut, again and again', async (_, filter) => {
    const { stats } = await underLoad(async ({ proxy, isHandling }) => {
      for (const _round of range(5)) {
        proxy.cut(filter);
        await isHandling();
      }
    });
    if (filter.name.test('subscriber')) expect(stats.recovered).toBeGreaterThan(0);
  });

  it('is made up for when nothing can be reached for a while', async () => {
    const { stats, recovered } = await underLoad(async ({ bus, proxy, isHandling }) => {
      for (const _round of range(3)) {
        await proxy.refuse();
        await until(() => bus.status === 'interrupted');
        await pause(300);
        await proxy.accept();
        await isHandling();
      }
    });
    expect(stats.recovered).toBeGreaterThan(100);
    expect(recovered.reduce((sum, each) => sum + each.recovered, 0)).toBe(stats.recovered);
  });

  it.each(['both', 'toClient', 'toServer'] as const)(
    'is made up for when its connections are half open (%s)',
    async (direction) => {
      const { stats } = await underLoad(async ({ bus, proxy, isHandling }) => {
        for (const _round of range(2)) {
          proxy.swallow(true, { direction, filter: { name: /subscriber$/ }, existingOnly: true });
          await until(() => bus.status === 'interrupted');
          await isHandling();
        }
      });
      if (direction !== 'toServer') expect(stats.recovered).toBeGreaterThan(0);
    },
  );

  it('is made up for, whatever happens in which order: seeded outages for twenty seconds', {
    timeout: 90_000,
  }, async () => {
    const seed = Number(process.env.BELFRY_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const chance = new Random(seed);
    const random = () => chance.next();
    const until20s = performance.now() + 20_000;
    try {
      await underLoad(async ({ proxy, isHandling }) => {
        const filters = [{ name: /subscriber$/ }, { name: /commands$/ }, { name: /./ }];
        while (performance.now() < until20s) {
          const filter = filters[Math.floor(random() * 3)]!;
          const length = random() * 400;
          const kind = Math.floor(random() * 5);
          if (kind === 0) proxy.cut(filter);
          else if (kind === 1) await proxy.refuse();
          else if (kind === 2) proxy.swallow(true, { filter, existingOnly: random() < 0.5 });
          else if (kind === 3) proxy.swallow(true, { filter, direction: 'toClient' });
          else proxy.delay(random() * 150, filter);
          await pause(length);
          if (kind === 1) await proxy.accept();
          proxy.swallow(false);
          proxy.delay(0);
          if (kind === 2 || kind === 3) proxy.cut(filter); // a stream that lost bytes in the middle does not go on
          if (random() < 0.5) await isHandling();
        }
        await isHandling();
      });
    } catch (error) {
      throw new Error(`BELFRY_SEED=${seed}`, { cause: error });
    }
  });
});
