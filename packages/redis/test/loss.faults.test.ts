import { uniqueNamespace } from '@belfry/testing';
import { describe, expect, it } from 'vitest';
import { startOwnRedis, until } from './durable-world.js';
import { HurriedClock } from './hurried-clock.js';
import { handledLast, watch } from './loss-world.js';
import { OrderPlaced, range, startBus } from './world.js';

const LAST = 999_999;

describe('a Redis that is restarted while a publisher waits to publish', () => {
  it.each([
    ['with its data', false],
    ['empty', true],
  ])('and comes back %s: nothing is told to be missing', async (_, empty) => {
    const redis = await startOwnRedis();
    const clock = new HurriedClock();
    const namespace = uniqueNamespace();
    const options = { url: redis.url, patience: 15_000 };
    const subscribers = [
      await watch(startBus('screen', options, { namespace, clock })),
      await watch(startBus('screen', options, { namespace, clock }), '**'),
    ];
    const publishers = [startBus('publisher', options, { namespace }), startBus('publisher', options, { namespace })];
    let published = 0;
    const publishSome = () =>
      Promise.all(publishers.flatMap((bus) => range(10).map(() => bus.publish(OrderPlaced, { n: published++ }))));
    for (const round of range(3)) {
      await publishSome();
      for (const { noted } of subscribers) await until(() => noted.length === 40 * round + 20);
      await redis.kill('SIGKILL');
      for (const bus of publishers) await until(() => bus.status === 'interrupted');
      for (const { bus } of subscribers) await until(() => bus.status === 'interrupted');
      // Only those who can hear again are published to: what nobody could receive would be missed indeed.
      await redis.restart({ empty });
      for (const { bus } of subscribers) await until(() => bus.status === 'connected');
      await publishSome();
      for (const { noted } of subscribers) await until(() => noted.length === 40 * round + 40);
    }
    for (const bus of publishers) await bus.publish(OrderPlaced, { n: LAST });
    for (const subscriber of subscribers) {
      await until(() => subscriber.noted.length === 122);
      await handledLast(subscriber, LAST, clock);
      expect(subscriber.stats).toMatchObject({ missed: 0, handled: 122 });
      expect(subscriber.gaps).toEqual([]);
    }
  });

  it('counts exactly what got through before a subscriber was back', async () => {
    const redis = await startOwnRedis();
    const clock = new HurriedClock();
    const options = { url: redis.url, patience: 15_000 };
    const subscriber = await watch(startBus('screen', options, { clock }));
    const publisher = startBus('publisher', options);
    await publisher.publish(OrderPlaced, { n: 0 });
    await until(() => subscriber.noted.length === 1);
    await redis.kill('SIGKILL');
    await until(() => publisher.status === 'interrupted' && subscriber.bus.status === 'interrupted');
    const waiting = range(30, 1).map((n) => publisher.publish(OrderPlaced, { n })); // some may go to nobody
    await redis.restart({ empty: true });
    const receipts = await Promise.all(waiting);
    await until(() => subscriber.bus.status === 'connected');
    await publisher.publish(OrderPlaced, { n: LAST });
    await handledLast(subscriber, LAST, clock);
    const unheard = receipts.filter(({ broadcast }) => broadcast === 0).length;
    expect(subscriber.stats.missed).toBe(unheard);
    expect(subscriber.noted).toHaveLength(1 + 30 - unheard + 1);
  });
});
