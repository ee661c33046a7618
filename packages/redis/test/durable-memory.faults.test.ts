import { defineEvent } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectTo, leftIn, newGate, OrderPaid, startOwnRedis, until } from './durable-world.js';
import { HurriedClock } from './hurried-clock.js';
import { collectingLogger, note, OrderPlaced, range, startBus } from './world.js';

/** It is of no use once it is handled. */
const ScanStored = defineEvent('scans.stored', {
  schema: z.object({ n: z.number(), image: z.string() }),
  guarantee: 'durable',
  retain: { age: 0 },
});
const image = 'x'.repeat(4000);

describe('a Redis whose memory is full', () => {
  it('takes no more durable events until the groups have worked off what is there', async () => {
    const redis = await startOwnRedis();
    const client = connectTo(redis.url);
    const clock = new HurriedClock();
    const [worker, late] = [0, 1].map(() => startBus('app', { url: redis.url }, { clock }));
    const publisher = startBus('publisher', { url: redis.url }, { clock });
    const noted = await note(startBus('transient', { url: redis.url }));
    const gate = newGate();
    const handled: number[] = [];
    const take = async ({ n }: { n: number }) => {
      await gate.opened;
      handled.push(n);
    };
    await worker?.subscribe(ScanStored, take, { concurrency: 2 });
    const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
    await client.config('SET', 'maxmemory', used + 1_000_000);
    let stored = 0;
    const isFull = () =>
      publisher.publish(ScanStored, { n: stored, image }).then(
        () => {
          stored++;
          return false;
        },
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'STORAGE_FULL' });
          return true;
        },
      );
    await until(isFull);
    await late?.subscribe(OrderPaid, () => {}); // a service may start again: who works is who makes room
    expect(await publisher.publish(OrderPlaced, { n: 1 })).toMatchObject({ groups: { transient: 1 } });
    await until(() => noted.length === 1);

    gate.open();
    await until(() => handled.length === stored);
    await until(async () => (await leftIn(client, 'belfry:scans.stored', 'app')) === 0);
    clock.putForward(31_000); // the log is looked after twice a minute
    await until(async () => !(await isFull()));
    await until(() => handled.length === stored);
    expect(handled.sort((a, b) => a - b)).toEqual(range(stored));
    expect(stored).toBeGreaterThan(100);
  });
});

describe('a Redis that would throw logs away', () => {
  it.each([
    ['when its memory is full', { 'maxmemory-policy': 'allkeys-lru', maxmemory: '100mb' }],
    ['as soon as somebody sets a limit', { 'maxmemory-policy': 'allkeys-random' }],
  ])('%s, gets no durable events, while transient ones travel', async (_, config) => {
    const redis = await startOwnRedis(config);
    const bus = startBus('app', { url: redis.url });
    const unsafe = { code: 'EVICTION_UNSAFE', hint: expect.stringContaining('noeviction') };
    await expect(bus.subscribe(OrderPaid, () => {})).rejects.toMatchObject(unsafe);
    await expect(bus.publish(OrderPaid, { n: 1 })).rejects.toMatchObject(unsafe);
    const noted = await note(bus);
    expect(await bus.publish(OrderPlaced, { n: 2 })).toMatchObject({ groups: { app: 1 } });
    await until(() => noted.length === 1);
  });

  it('gets them once that is put right, and it is connected to again', async () => {
    const redis = await startOwnRedis({ 'maxmemory-policy': 'allkeys-lru' });
    const client = connectTo(redis.url);
    const bus = startBus('app', { url: redis.url });
    await expect(bus.publish(OrderPaid, { n: 1 })).rejects.toMatchObject({ code: 'EVICTION_UNSAFE' });
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const isTaken = () =>
      bus.publish(OrderPaid, { n: 1 }).then(
        () => true,
        () => false,
      );
    await until(isTaken);
  });

  it('but only what expires is one to be warned of', async () => {
    const redis = await startOwnRedis({ 'maxmemory-policy': 'volatile-lru', maxmemory: '100mb' });
    const logger = collectingLogger();
    const bus = startBus('app', { url: redis.url }, { logger });
    const handled: number[] = [];
    await bus.subscribe(OrderPaid, ({ n }) => void handled.push(n));
    await bus.publish(OrderPaid, { n: 1 });
    await until(() => handled.length === 1);
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([
      expect.stringContaining('evicts keys when its memory is full'),
    ]);
  });
});
