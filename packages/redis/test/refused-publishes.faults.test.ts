import type { Bus } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { connectTo, nextTurn, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { HurriedClock } from './hurried-clock.js';
import { handledLast, Load, pause, watch } from './loss-world.js';
import { OrderPlaced, range, sharedUrl, startBus } from './world.js';

const LAST = 999_999;

let namespace: string;
let clock: HurriedClock;
beforeEach(() => {
  namespace = uniqueNamespace();
  clock = new HurriedClock();
});

const publisherAt = (url: string, options = {}): Bus => startBus('publisher', { url, ...options }, { namespace });
const subscriberAt = (url: string): Bus => startBus('screen', { url }, { namespace, clock });
const publishAll = (bus: Bus, numbers: readonly number[]) =>
  Promise.all(numbers.map((n) => bus.publish(OrderPlaced, { n })));

describe('nothing is told to be missing that was never published', () => {
  /** A Redis of its own, with a subscriber, and publishers under load while something is done to it. */
  const underLoad = async (publishers: number, options: { username?: string }, harm: Harm) => {
    const redis = await startOwnRedis({ 'busy-reply-threshold': '50' });
    const admin = connectTo(redis.url);
    await admin.acl('SETUSER', 'publisher', 'on', '>secret', '~*', '&*', '+@all');
    const url = options.username === undefined ? redis.url : redis.url.replace('//', '//publisher:secret@');
    const subscriber = await watch(subscriberAt(redis.url));
    const buses = range(publishers).map(() => publisherAt(url));
    const loads = buses.map((bus, at) => new Load(bus, OrderPlaced, { from: at * 100_000, pause: tenTurns() }));
    await until(() => loads.every(({ fulfilled }) => fulfilled.length > 100));
    await harm({ admin, loads, subscriber });
    for (const load of loads) await load.goesOnFor(300); // the numbers that were refused go to what comes next
    for (const load of loads) await load.stop();
    for (const bus of buses) await bus.publish(OrderPlaced, { n: LAST }); // its numbers follow on what Redis took
    const fulfilled = loads.flatMap((load) => load.fulfilled);
    await until(() => subscriber.noted.length === fulfilled.length + buses.length);
    await handledLast(subscriber, LAST, clock);
    expect(new Set(subscriber.noted)).toEqual(new Set([...fulfilled, LAST]));
    expect(subscriber.stats.missed).toBe(0);
    return { codes: new Set(loads.flatMap(({ codes }) => codes)), gaps: subscriber.gaps };
  };
  /** Several are under way when Redis says no, but not so many that they could not be made up for in a moment. */
  const tenTurns = () => {
    let turn = 0;
    return () => (++turn % 10 === 0 ? pause(5) : nextTurn());
  };
  interface Parts {
    readonly admin: ReturnType<typeof connectTo>;
    readonly loads: readonly Load[];
    readonly subscriber: Awaited<ReturnType<typeof watch>>;
  }
  type Harm = (parts: Parts) => Promise<unknown>;

  it.each([1, 3])('when Redis forgets the scripts again and again, with %i publishers', async (publishers) => {
    const { codes, gaps } = await underLoad(publishers, {}, async ({ admin, loads }) => {
      for (const _ of range(20)) {
        const [load] = loads as [Load];
        await admin.script('FLUSH');
        await load.goesOnFor(20);
      }
    });
    for (const code of codes) expect(code).toBe('TRANSPORT_UNAVAILABLE'); // overtaken, and not published
    expect(gaps).toEqual([]);
  });

  it('when Redis refuses a publisher its right for a while', async () => {
    const { codes, gaps } = await underLoad(2, { username: 'publisher' }, async ({ admin, loads }) => {
      for (const _ of range(10)) {
        const [load] = loads as [Load];
        const refused = load.codes.length;
        await admin.acl('SETUSER', 'publisher', '-evalsha');
        await until(() => load.codes.length > refused + 20);
        await admin.acl('SETUSER', 'publisher', '+evalsha');
        await load.goesOnFor(100);
      }
    });
    expect(codes).toEqual(new Set(['PUBLISH_REFUSED']));
    expect(gaps).toEqual([]);
  });

  it('when a slow script keeps Redis busy', async () => {
    const slow = `local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
      local till = now() + 150
      while now() < till do end`;
    const { codes, gaps } = await underLoad(2, {}, async ({ admin, loads }) => {
      for (const _ of range(5)) {
        await admin.eval(slow, 0);
        for (const load of loads) await load.goesOnFor(200);
      }
    });
    expect(codes).toEqual(new Set(['PUBLISH_REFUSED']));
    expect(gaps).toEqual([]);
  });

  it('when a publish was given up because Redis was away', async () => {
    const subscriber = await watch(subscriberAt(sharedUrl));
    const proxy = await startProxyTo(sharedUrl);
    const publisher = publisherAt(proxy.url, { patience: 500 });
    await publishAll(publisher, range(5));
    await proxy.refuse();
    await until(() => publisher.status === 'interrupted');
    const results = await Promise.allSettled(range(5, 5).map((n) => publisher.publish(OrderPlaced, { n })));
    for (const { reason } of results as PromiseRejectedResult[]) expect(reason.code).toBe('TRANSPORT_UNAVAILABLE');
    await proxy.accept();
    await until(() => publisher.status === 'connected');
    await nextTurn();
    await publisher.publish(OrderPlaced, { n: LAST });
    await handledLast(subscriber, LAST, clock);
    expect(subscriber.noted).toEqual([...range(5), LAST]);
    expect(subscriber.stats.missed).toBe(0);
    expect(subscriber.gaps).toEqual([]);
  });
});
