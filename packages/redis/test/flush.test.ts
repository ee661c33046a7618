import { defineRequest } from '@belfry/contracts';
import { uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { logKey, membersKey } from '../src/names.js';
import { callsOf, connectTo, OrderPaid, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { note, OrderPlaced, range, startBus } from './world.js';

const Double = defineRequest('numbers.double', {
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number() }),
});
/** Characters of one place in a ring. */
const PLACE = 18;
/** What is done so soon cannot have waited for a heartbeat of an hour. */
const SOON = 1000;

let namespace: string;
beforeEach(() => {
  namespace = uniqueNamespace();
});

const groupsOf = (redis: Redis, event: string): Promise<Record<string, string>> =>
  redis.hgetall(membersKey(`${namespace}:${event}`));
/** How many places each group has. */
const placesIn = async (redis: Redis, event: string): Promise<Record<string, number>> => {
  const groups = Object.entries(await groupsOf(redis, event));
  return Object.fromEntries(groups.map(([group, ring]) => [group, ring.length / PLACE]));
};

describe('a flush of a Redis with everybody connected', () => {
  it.each(['flushall', 'flushdb'] as const)(
    'is noticed at once, and everybody has one place again (%s)',
    async (command) => {
      const redis = await startOwnRedis();
      const admin = connectTo(redis.url);
      const options = { url: redis.url, heartbeat: '1h' } as const;
      const members = range(3).map(() => startBus('billing', options, { namespace }));
      const handled: number[] = [];
      const paid: number[] = [];
      const screen: number[][] = [];
      for (const bus of members) {
        await bus.subscribe(OrderPlaced, ({ n }) => void handled.push(n));
        await bus.subscribe(OrderPlaced, ({ n }) => void handled.push(n), { group: 'audit' });
        await bus.subscribe(OrderPaid, ({ n }) => void paid.push(n));
        await bus.respond(Double, ({ n }) => ({ n: 2 * n }));
        screen.push(await note(bus, { broadcast: true }));
      }
      const caller = startBus('caller', options, { namespace });
      await caller.publish(OrderPaid, { n: 0 });
      await until(() => paid.length === 1);
      for (const round of range(3)) {
        const began = performance.now();
        await admin[command]();
        const isBack = async () => {
          const [placed, doubled] = [
            await placesIn(admin, 'orders.placed'),
            await groupsOf(admin, 'numbers.double/request'),
          ];
          return placed.billing === 3 && placed.audit === 3 && doubled.billing?.length === 3 * PLACE;
        };
        await until(isBack);
        // The second and third flush come soon after the first: so often it is believed, and no more.
        if (round === 0) expect(performance.now() - began).toBeLessThan(SOON);
        else expect(performance.now() - began).toBeLessThan(2 * SOON);
        expect(await placesIn(admin, 'orders.placed')).toEqual({ billing: 3, audit: 3 });
        const groups = () => admin.xinfo('GROUPS', logKey(`${namespace}:orders.paid`)).catch(() => []); // no log yet
        await until(async () => ((await groups()) as unknown[]).length === 1);

        const receipt = await caller.publish(OrderPlaced, { n: round });
        expect(receipt).toEqual({ broadcast: 3, groups: { billing: 1, audit: 1 } });
        expect(await caller.request(Double, { n: round })).toEqual({ n: 2 * round });
        await caller.publish(OrderPaid, { n: round + 1 });
        await until(() => paid.length === round + 2 && handled.length === 2 * (round + 1), SOON);
        for (const noted of screen) expect(noted).toHaveLength(round + 1);
      }
      expect(paid).toEqual(range(4));
    },
  );

  it('does not stop a durable worker under load: what is appended after it is handled', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const options = { url: redis.url, heartbeat: '1h' } as const;
    const handled = new Set<number>();
    for (const _ of range(2)) {
      const bus = startBus('billing', options, { namespace });
      await bus.subscribe(OrderPaid, ({ n }) => void handled.add(n));
    }
    const publisher = startBus('publisher', options, { namespace });
    for (const round of range(3)) {
      const before = range(50, round * 1000);
      const flushed = admin.flushall(); // somewhere among them
      await Promise.all([...before.map((n) => publisher.publish(OrderPaid, { n })), flushed]);
      const after = range(50, round * 1000 + 500);
      await Promise.all(after.map((n) => publisher.publish(OrderPaid, { n })));
      await until(() => after.every((n) => handled.has(n)), 2 * SOON);
    }
  });

  it('is noticed on a new subscriber connection too', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const proxy = await startProxyTo(redis.url);
    const bus = startBus('billing', { url: proxy.url, heartbeat: '1h' }, { namespace });
    await note(bus);
    for (const connections of [/subscriber$/, /commands$/, /./]) {
      const resumed = new Promise<void>((resolve) => void bus.on('resumed', () => resolve()));
      proxy.cut({ name: connections });
      await resumed;
      await until(async () => (await placesIn(admin, 'orders.placed')).billing === 1);
      await admin.flushall();
      await until(async () => (await placesIn(admin, 'orders.placed')).billing === 1, 2 * SOON);
    }
  });
});

describe('whoever may publish on the channel of the flushes', () => {
  it.each(['', 'some:key'])('does no harm by it: %j', async (message) => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const bus = startBus('billing', { url: redis.url, heartbeat: '1h' }, { namespace });
    const noted = await note(bus);
    const before = await callsOf(admin, 'zadd'); // a stamp has one; the last of the beginning may be under way
    for (const _ of range(500)) await admin.publish('__redis__:invalidate', message);
    await bus.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 1);
    const stamps = (await callsOf(admin, 'zadd')) - before;
    expect(stamps).toBeLessThanOrEqual(message === '' ? 3 : 1);
    expect(await placesIn(admin, 'orders.placed')).toEqual({ billing: 1 });
    await admin.flushall();
    await until(async () => (await placesIn(admin, 'orders.placed')).billing === 1, 2 * SOON);
  });
});

describe('a user who may not track keys', () => {
  it.each([
    ['CLIENT TRACKING', ['-client|tracking']],
    ['the channel of the flushes', ['resetchannels', '&belfry:*', '&t-*']],
  ])('works, and comes back with the heartbeat: without the right to use %s', async (_, rules) => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    await admin.acl('SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', ...rules);
    const url = redis.url.replace('//', '//limited:secret@');
    const bus = startBus('billing', { url, heartbeat: 200 }, { namespace });
    const noted = await note(bus);
    await bus.publish(OrderPlaced, { n: 0 });
    await until(() => noted.length === 1);
    await admin.flushall();
    await until(async () => (await placesIn(admin, 'orders.placed')).billing === 1);
    await bus.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 2);
    expect(bus.status).toBe('connected');
  });
});
