import { defineEvent, type RetainOptions } from '@belfry/contracts';
import type { Bus, SubscribeOptions } from '@belfry/core';
import type { RedisServer } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { logKey } from '../src/names.js';
import { areWaiting, connectTo, entriesOf, newGate, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { HurriedClock } from './hurried-clock.js';
import { collectingLogger, range, startBus } from './world.js';

const CHANNEL = 'belfry:orders.paid';
const LOG = logKey(CHANNEL);
const orderPaid = (retain: RetainOptions) =>
  defineEvent('orders.paid', { schema: z.object({ n: z.number() }), guarantee: 'durable', retain });

describe('a log', () => {
  let redis: RedisServer;
  let client: Redis;
  let clock: HurriedClock;
  let publisher: Bus;
  let logger: ReturnType<typeof collectingLogger>;
  /** Of the publisher alone. */
  let ownLogger: ReturnType<typeof collectingLogger>;
  beforeEach(async () => {
    redis = await startOwnRedis({ 'stream-node-max-entries': '10' }); // whole nodes are trimmed
    client = connectTo(redis.url);
    clock = new HurriedClock();
    logger = collectingLogger();
    ownLogger = collectingLogger();
    publisher = startBus('publisher', { url: redis.url }, { clock, logger: ownLogger });
  });
  const ordinals = async () => (await entriesOf(client, CHANNEL, 'n')).map(Number);
  const publish = (contract: ReturnType<typeof orderPaid>, numbers: readonly number[]) =>
    Promise.all(numbers.map((n) => publisher.publish(contract, { n })));
  /** The log is looked after with a publish, but not with every one. */
  const publishAndTend = async (contract: ReturnType<typeof orderPaid>, n: number) => {
    clock.putForward(11_000);
    await publisher.publish(contract, { n });
    await publisher.inspect(contract).groups(); // it comes after that on the same connection
  };
  const join = async (contract: ReturnType<typeof orderPaid>, group: string, options: SubscribeOptions = {}) => {
    const handled: number[] = [];
    const gate = newGate();
    const bus = startBus(group, { url: redis.url }, { logger });
    const subscription = await bus.subscribe(
      contract,
      async ({ n }) => {
        if (n === 40) await gate.opened;
        handled.push(n);
      },
      { concurrency: 1, ...options },
    );
    return { bus, handled, gate, subscription };
  };

  it('keeps what every group has acknowledged for as long as the contract says, and the rest for as long as it takes', async () => {
    const contract = orderPaid({ age: 1 });
    const [billing, audit] = [await join(contract, 'billing'), await join(contract, 'audit')];
    billing.gate.open();
    await publish(contract, range(100));
    await until(() => billing.handled.length === 100 && audit.handled.length === 40);
    await publishAndTend(contract, 100);
    const [oldest = 0] = await ordinals();
    expect(oldest).toBeGreaterThan(30); // of the tens that are trimmed together…
    expect(oldest).toBeLessThanOrEqual(41); // …none that the one that is being handled is in
    audit.gate.open();
    await until(() => audit.handled.length === 101 && billing.handled.length === 101);
    await publishAndTend(contract, 101);
    expect((await ordinals()).length).toBeLessThanOrEqual(11);
    await until(() => audit.handled.length === 102);
    expect(audit.handled).toEqual(range(102));
    expect(audit.subscription.stats.durable).toMatchObject({ lost: 0 });
  });

  it('keeps so many of what every group has acknowledged', async () => {
    const contract = orderPaid({ count: 20 });
    const billing = await join(contract, 'billing');
    await publish(contract, range(100));
    await until(() => billing.handled.length === 40);
    await publishAndTend(contract, 100);
    const kept = await ordinals();
    expect(kept[0]).toBeGreaterThan(41 - 20 - 10);
    expect(kept[0]).toBeLessThanOrEqual(41 - 20);
    billing.gate.open();
    await until(() => billing.handled.length === 101);
    await publishAndTend(contract, 101);
    expect((await ordinals()).length).toBeGreaterThanOrEqual(20);
    expect((await ordinals()).length).toBeLessThanOrEqual(31);
  });

  it('never holds more than its cap, and who comes back tells how much it has lost by that', async () => {
    const contract = orderPaid({ cap: 50 });
    const before = await join(contract, 'billing');
    await before.bus.close();
    const proxy = await startProxyTo(redis.url);
    const reader = startBus('reader', { url: proxy.url }, { logger });
    const read: number[] = [];
    const reading = await reader.subscribe(contract, ({ n }) => void read.push(n), { broadcast: true });
    await publish(contract, [-1]);
    await until(() => read.length === 1);
    await proxy.refuse();

    await publish(contract, range(300));
    const kept = (await ordinals()).length;
    expect(kept).toBeLessThanOrEqual(60);
    const after = await join(contract, 'billing');
    await until(() => after.handled.length === kept);
    expect(after.handled).toEqual(range(kept, 300 - kept));
    expect(after.subscription.stats.durable?.lost).toBe(301 - kept);
    await proxy.accept();
    await until(() => read.length === 1 + kept);
    expect(read).toEqual([-1, ...after.handled]);
    expect(reading.stats.durable?.lost).toBe(300 - kept);
    const told = logger.lines.filter((line) => line.startsWith('error: Events were gone from the log'));
    expect(told).toHaveLength(2);
  });

  it('is held back by a group that is forgotten, which is warned of once, and can be removed', async () => {
    const contract = orderPaid({ age: 1 });
    const forgotten = await join(contract, 'forgotten');
    await forgotten.bus.close();
    const billing = await join(contract, 'billing');
    billing.gate.open();
    await publish(contract, range(100));
    await until(() => billing.handled.length === 100);
    await publishAndTend(contract, 100);
    expect((await ordinals()).length).toBe(101);
    const warnings = () => ownLogger.lines.filter((line) => line.includes('Nobody works for a group'));
    expect(warnings()).toEqual([]);

    await client.hset(LOG.replace(/log$/, 'state:forgotten'), 'at', Date.now() - 3_700_000);
    await publishAndTend(contract, 101);
    await publishAndTend(contract, 102);
    await until(() => warnings().length > 0);
    expect(warnings()).toEqual([expect.stringContaining('"group":"forgotten"')]);
    expect(warnings()[0]).toContain('"waiting":102');

    const inspection = publisher.inspect(contract);
    await expect(inspection.removeGroup('billing')).rejects.toMatchObject({ code: 'GROUP_BUSY' });
    expect(await inspection.removeGroup('forgotten')).toBe(true);
    expect(await inspection.removeGroup('forgotten')).toBe(false);
    expect((await client.keys('*')).filter((key) => key.includes('forgotten'))).toEqual([]);
    await until(() => billing.handled.length === 103);
    await publishAndTend(contract, 103);
    expect((await ordinals()).length).toBeLessThanOrEqual(11);
    await areWaiting(client, CHANNEL, 'billing', 1);
  });
});
