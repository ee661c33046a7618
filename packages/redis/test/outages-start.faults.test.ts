import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '@belfry/core';
import { defineEvent } from '@belfry/contracts';
import type { RedisServer, TcpProxy } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectTo, startOwnRedis, startProxyTo, until, watched } from './durable-world.js';
import { Audience, ways } from './outages-audience.js';
import { DoWork } from './work.js';
import { collectingLogger, OrderPlaced, range, startBus } from './world.js';

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

const succeeds = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

describe('a Redis that is not there at first', { timeout: 60_000 }, () => {
  let redis: RedisServer;
  let proxy: TcpProxy;
  let admin: Redis;
  beforeEach(async () => {
    redis = await startOwnRedis();
    proxy = await startProxyTo(redis.url);
    admin = connectTo(redis.url);
    await proxy.refuse();
  });

  const away = {
    refuses: async () => void (await proxy.refuse()),
    'is silent': async () => {
      await proxy.accept();
      proxy.swallow();
    },
    hangs: async () => {
      await proxy.accept();
      await redis.kill('SIGSTOP');
    },
  };
  const back = async () => {
    await proxy.accept();
    proxy.swallow(false);
    await redis.kill('SIGCONT');
  };

  describe.each(Object.keys(away) as (keyof typeof away)[])('and %s', (how) => {
    it('is waited for: everybody is subscribed once when it comes', async () => {
      await away[how]();
      const audience = new Audience({ app: { url: proxy.url, subscribePatience: 'forever' } });
      const subscribed = audience.subscribe();
      await sleep(3500); // longer than a connection may take to be set up
      await back();
      await subscribed;
      await audience.hearsEverythingOnce();
      await audience.isWhole(admin);
    });

    it('is given up, and tried again when it has come: nothing is left of what had failed', async () => {
      await away[how]();
      const audience = new Audience({ app: { url: proxy.url, subscribePatience: 300, patience: 300 } });
      const never = audience.one.subscribe('never.*', () => {}); // nor tried again
      expect(codeOf(await never.catch((error) => error))).toBe('TRANSPORT_UNAVAILABLE');
      for (const _ of range(2))
        expect(codeOf(await audience.subscribe().catch((e) => e))).toBe('TRANSPORT_UNAVAILABLE');
      const said = ways.map((way) => audience.say(way, -1, 1000));
      const outcomes = await Promise.all(said.map((each) => each.then(() => 'ok', codeOf)));
      expect(outcomes).toEqual(outcomes.map(() => 'TRANSPORT_UNAVAILABLE'));
      await back();
      await until(() => succeeds(audience.subscribe()));
      for (const way of ways) await until(() => succeeds(audience.say(way, audience.nextNumber(), 1000)));
      await audience.hearsEverythingOnce();
      await audience.isWhole(admin);
      for (const list of Object.values(audience.heard)) expect(list).not.toContain(-1);
    });
  });

  it('gives each subscription its whole patience, also one that begins as another is given up', async () => {
    const bus = startBus('app', { url: proxy.url, subscribePatience: 2000 });
    const Other = defineEvent('orders.other', { schema: z.object({ n: z.number() }) });
    const first = watched(bus.subscribe(Other, () => {}));
    await sleep(1500);
    const noted: number[] = [];
    const second = watched(bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n)));
    await expect(first).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    await proxy.accept();
    await second;
    await bus.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 1);
  });

  it('gives each request its whole time, also one that is asked as another is given up', async () => {
    const worker = startBus('workers', { url: redis.url });
    await worker.respond(DoWork, ({ n }) => ({ n, by: 'me' }));
    const caller = startBus('callers', { url: proxy.url, subscribePatience: 2000 });
    const first = watched(caller.request(DoWork, { n: 1 }, { timeout: '5s' }));
    await sleep(1500);
    const second = watched(caller.request(DoWork, { n: 2 }, { timeout: '5s' }));
    await expect(first).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    await proxy.accept();
    expect(await second).toEqual({ n: 2, by: 'me' });
  });

  it('sends what was published meanwhile, in order and once, when it is there in time', async () => {
    const noted: number[] = [];
    await startBus('app', { url: redis.url }).subscribe(OrderPlaced, ({ n }) => void noted.push(n));
    const bus: Bus = startBus('publisher', { url: proxy.url, patience: 5000 });
    const receipts: Promise<unknown>[] = [];
    for (const n of range(50)) {
      receipts.push(bus.publish(OrderPlaced, { n }));
      await sleep(10);
    }
    await proxy.accept();
    expect(await Promise.all(receipts)).toEqual(receipts.map(() => ({ broadcast: 0, groups: { app: 1 } })));
    await until(() => noted.length === 50);
    expect(noted).toEqual(range(50));
  });

  it('and then takes 600 ms for each way there and back: one is connected once, and stays so', async () => {
    await proxy.accept();
    proxy.delay(300);
    const logger = collectingLogger();
    const bus = startBus('app', { url: proxy.url, subscribePatience: 20_000 }, { logger });
    const noted: number[] = [];
    await bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n));
    await bus.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 1);
    expect(logger.lines).toEqual([]);
    proxy.delay(0);
  });
});
