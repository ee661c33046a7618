import { uniqueNamespace } from '@belfry/testing';
import { describe, expect, it } from 'vitest';
import { membersKey, stampsKey } from '../src/names.js';
import { until } from './durable-world.js';
import { Ask } from './hostile/bombard-requests.js';
import { SECRET } from './hostile/corpus.js';
import { KeyedNoted, Noted, startStranger } from './hostile/hostile-world.js';
import { ProcessWatch } from './hostile/watch.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

/** A group of events and a responder, and the keys in which their places stand. */
async function startApp(heartbeat: '150ms' | '5s' = '150ms') {
  const [watch, stranger, logger, namespace] = [
    new ProcessWatch(),
    startStranger(),
    collectingLogger(),
    uniqueNamespace(),
  ];
  const bus = startBus('app', { url: sharedUrl, heartbeat }, { namespace, logger });
  const publisher = startBus('shop', { url: sharedUrl }, { namespace });
  const handled: number[] = [];
  await bus.subscribe([Noted, KeyedNoted], ({ n }) => void handled.push(n));
  await bus.respond(Ask, ({ n }) => ({ n }));
  const channels = [Noted.name, KeyedNoted.name, `${Ask.name}/request`].map((name) => `${namespace}:${name}`);
  return { watch, stranger, logger, bus, publisher, handled, channels };
}

const strangers = (count: number): string =>
  range(count)
    .map((n) => `${n.toString(16).padStart(16, 'f')}01`)
    .join('');

describe('rings in which strangers have written', () => {
  it.each(['set', 'rpush', 'sadd'] as const)(
    'are refused while they are no hash (%s), and taken again afterwards',
    async (write) => {
      const { watch, stranger, logger, publisher, handled, channels } = await startApp();
      for (const channel of channels) {
        for (const key of [membersKey(channel), stampsKey(channel)]) {
          await stranger.del(key);
          await stranger.call(write, key, SECRET);
        }
      }
      const refused = await Promise.allSettled([
        publisher.publish(Noted, { n: 1 }),
        publisher.publish(KeyedNoted, { n: 1 }),
        publisher.request(Ask, { n: 1 }),
        ...range(10).map((n) => publisher.publish(Noted, { n })),
      ]);
      for (const each of refused)
        expect(each).toMatchObject({ status: 'rejected', reason: { code: 'PUBLISH_REFUSED' } });
      await until(() => logger.lines.some((line) => line.includes('refuses to stamp')));
      for (const channel of channels) await stranger.del(membersKey(channel), stampsKey(channel));
      await until(async () => (await publisher.publish(Noted, { n: 2 })).groups.app === 1);
      await until(async () => (await publisher.publish(KeyedNoted, { n: 3 })).groups.app === 1);
      await until(async () => (await publisher.request(Ask, { n: 4 }).catch(() => ({ n: 0 }))).n === 4);
      await until(() => handled.includes(3));
      expect(handled.toSorted()).toEqual([2, 3]);
      watch.expectUnharmed();
      watch.expectDiscreet(logger.lines, 3);
    },
  );

  it.each([
    ['half a place', (ring: string) => ring.slice(0, 9)],
    ['a place and a half', (ring: string) => `${ring}${SECRET}`],
    ['garbage', () => '\0'.repeat(17)],
    ['nothing', () => ''],
  ])('are whole again with the next stamp: %s', async (_, write) => {
    const { watch, stranger, publisher, handled, channels } = await startApp();
    for (const channel of channels) {
      const ring = (await stranger.hget(membersKey(channel), 'app')) as string;
      await stranger.hset(membersKey(channel), 'app', write(ring));
    }
    await until(async () => (await publisher.publish(Noted, { n: 1 })).groups.app === 1);
    await until(async () => (await publisher.publish(KeyedNoted, { n: 2 })).groups.app === 1);
    await until(async () => (await publisher.request(Ask, { n: 3 }).catch(() => ({ n: 0 }))).n === 3);
    await until(() => handled.length === 2);
    expect(await stranger.hget(membersKey(channels[0]!), 'app')).toHaveLength(18);
    watch.expectUnharmed();
  });

  it.each([1, 50, 12_000])(
    'with %i places of strangers lose no event: they are passed over, and dropped',
    async (count) => {
      const { watch, stranger, logger, publisher, handled, channels } = await startApp('5s');
      const spoil = async () => {
        for (const channel of channels) {
          const ring = (await stranger.hget(membersKey(channel), 'app')) as string;
          await stranger.hset(membersKey(channel), 'app', strangers(count) + ring, '__proto__', strangers(2));
        }
      };
      await spoil();
      expect((await publisher.publish(Noted, { n: 0 })).groups.app).toBe(1);
      await spoil();
      const receipts = await Promise.all(range(10, 1).map((n) => publisher.publish(Noted, { n })));
      for (const { groups } of receipts) expect(groups.app).toBe(1);
      await spoil();
      expect((await publisher.publish(KeyedNoted, { n: 11 })).groups.app).toBe(1);
      await spoil();
      await Promise.all(range(10, 12).map((n) => publisher.publish(KeyedNoted, { n })));
      await spoil();
      expect(await publisher.request(Ask, { n: 1 })).toEqual({ n: 1 });
      await spoil();
      expect(await Promise.all(range(10).map((n) => publisher.request(Ask, { n })))).toEqual(
        range(10).map((n) => ({ n })),
      );
      await until(() => handled.length === 22);
      expect(handled.toSorted((a, b) => a - b)).toEqual(range(22));
      watch.expectUnharmed();
      watch.expectDiscreet(logger.lines, 3);
    },
  );

  it('name groups as they like, and receipts tell of each: no prototype is set by one', async () => {
    const { watch, stranger, publisher, channels } = await startApp();
    for (const name of ['__proto__', 'constructor', ''])
      await stranger.hset(membersKey(channels[0]!), name, strangers(1));
    const { groups } = await publisher.publish(Noted, { n: 1 });
    expect(Object.entries(groups).toSorted()).toEqual(
      [
        ['__proto__', 0],
        ['constructor', 0],
        ['', 0],
        ['app', 1],
      ].toSorted(),
    );
    expect(Object.getPrototypeOf(groups)).toBe(Object.prototype);
    watch.expectUnharmed();
  });
});
