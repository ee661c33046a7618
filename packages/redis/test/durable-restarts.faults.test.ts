import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '@belfry/core';
import { describe, expect, it } from 'vitest';
import {
  areWaiting,
  connectTo,
  leftIn,
  newGate,
  nextTurn,
  numbersIn,
  OrderPaid,
  startOwnRedis,
  until,
} from './durable-world.js';
import { collectingLogger, range, startBus } from './world.js';

const CHANNEL = 'belfry:orders.paid';
const publishAll = (bus: Bus, numbers: readonly number[]) =>
  Promise.all(numbers.map((n) => bus.publish(OrderPaid, { n })));

describe('a Redis that was killed', () => {
  it('and comes back empty: groups are made again, the loss is told, and everything from then on is handled', async () => {
    const redis = await startOwnRedis();
    const options = { url: redis.url, heartbeat: 500 };
    const loggers = [collectingLogger(), collectingLogger(), collectingLogger()];
    const [one, two, reader] = loggers.map((logger) => startBus('app', options, { logger }));
    const publisher = startBus('publisher', options);
    const gate = newGate();
    const handled: number[] = [];
    const read: number[] = [];
    const take = async ({ n }: { n: number }) => {
      if (n < 10) await gate.opened;
      handled.push(n);
    };
    for (const worker of [one, two]) await worker?.subscribe(OrderPaid, take, { concurrency: 10, claimTimeout: '3s' });
    await reader?.subscribe(OrderPaid, ({ n }) => void read.push(n), { broadcast: true });
    await publishAll(publisher, range(50));
    await until(() => handled.length === 40 && read.length === 50);

    await redis.restart({ empty: true });
    await publishAll(publisher, range(100, 50)); // some of it while they are still coming back
    await until(() => handled.length === 140 && read.length === 150);
    gate.open(); // what was in hand is the last that is left of it
    await until(() => handled.length === 150);
    expect(handled.sort((a, b) => a - b)).toEqual(range(150));
    expect(read).toEqual(range(150));
    for (const { lines } of loggers) {
      await until(() => lines.some((line) => line.startsWith('error: The log is another one than before')));
      expect(lines.filter((line) => line.includes('another one than before'))).toHaveLength(1);
    }
    const client = connectTo(redis.url);
    await until(async () => (await leftIn(client, CHANNEL, 'app')) === 0);
    await until(async () => (await publisher.publish(OrderPaid, { n: 150 })).groups.app === 1);
  });

  it('and has written down everything: nothing that was confirmed is lost, and the log has it once and in order', async () => {
    const redis = await startOwnRedis({ appendonly: 'yes', appendfsync: 'always' });
    const options = { url: redis.url, heartbeat: 500, patience: 10_000 };
    const worker = startBus('app', options);
    const publisher = startBus('publisher', options);
    const handled = new Set<number>();
    await worker.subscribe(OrderPaid, async ({ n }) => {
      await sleep(1);
      handled.add(n);
    });
    const published: Promise<unknown>[] = [];
    let restarted = Promise.resolve();
    for (const n of range(1500)) {
      published.push(publisher.publish(OrderPaid, { n }));
      if (n % 10 === 0) await nextTurn();
      if (n % 500 === 250) {
        await restarted;
        restarted = redis.kill('SIGKILL').then(() => redis.restart({ empty: false }));
      }
    }
    await restarted;
    await Promise.all(published);
    await until(() => handled.size === 1500);
    const client = connectTo(redis.url);
    await until(async () => (await leftIn(client, CHANNEL, 'app')) === 0);
    expect(await numbersIn(client, CHANNEL)).toEqual(range(1500));
  });

  it('and has lost its last writes: what it remembers as pending comes again, and work goes on', async () => {
    const redis = await startOwnRedis();
    const options = { url: redis.url, heartbeat: 500 };
    const [workerLog, publisherLog] = [collectingLogger(), collectingLogger()];
    const [worker, idler] = [startBus('app', options, { logger: workerLog }), startBus('app', options)];
    const publisher = startBus('publisher', options, { logger: publisherLog });
    const client = connectTo(redis.url);
    const gate = newGate();
    const handled: number[] = [];
    const take = async ({ n }: { n: number }) => {
      if (handled.length < 20) await gate.opened;
      handled.push(n);
    };
    for (const each of [worker, idler]) await each.subscribe(OrderPaid, take, { concurrency: 16, claimTimeout: '3s' });
    await publishAll(publisher, range(20));
    const inFlight = () =>
      [worker, idler].map(({ subscriptions: [subscription] }) => subscription?.stats.inFlight ?? 0);
    await until(() => inFlight().reduce((sum, count) => sum + count) === 20);
    await client.save();
    gate.open();
    await publishAll(publisher, range(30, 20)); // confirmed, and lost
    await until(() => handled.length === 50);
    await until(async () => (await leftIn(client, CHANNEL, 'app')) === 0);
    await areWaiting(client, CHANNEL, 'app', 2); // nothing of theirs is under way

    await redis.kill('SIGKILL');
    await redis.restart({ empty: false });
    await publishAll(publisher, range(20, 50));
    await until(() => handled.includes(69));
    await until(async () => (await leftIn(connectTo(redis.url), CHANNEL, 'app')) === 0, 15_000);
    expect(handled.slice(0, 50).sort((a, b) => a - b)).toEqual(range(50));
    expect(handled.slice(50).sort((a, b) => a - b)).toEqual([...range(20), ...range(20, 50)]);
    // 30 were confirmed and are gone: who had asked after them says so, and who had published them.
    expect(publisherLog.lines.filter((line) => line.includes('lost events that it had confirmed'))).toHaveLength(1);
    expect(publisherLog.lines.join()).toContain('"lost":30');
    expect(workerLog.lines.filter((line) => line.includes('back with older data'))).toHaveLength(1);
  });
});

describe('a Redis that was flushed', () => {
  it('gets its groups again from those who are connected, who tell of it', async () => {
    const redis = await startOwnRedis();
    const options = { url: redis.url, heartbeat: 100 };
    const logger = collectingLogger();
    const worker = startBus('app', options, { logger });
    const publisher = startBus('publisher', options);
    const client = connectTo(redis.url);
    const handled: number[] = [];
    await worker.subscribe(OrderPaid, ({ n }) => void handled.push(n), { claimTimeout: 600 });
    await publishAll(publisher, range(10));
    await until(() => handled.length === 10);
    await areWaiting(client, CHANNEL, 'app', 1);
    await client.flushall();
    await publishAll(publisher, range(10, 10));
    await until(() => handled.length === 20);
    expect(handled).toEqual(range(20));
    expect(logger.lines.filter((line) => line.includes('another one than before'))).toHaveLength(1);
    const receipt = () => publisher.publish(OrderPaid, { n: 0 });
    await until(async () => (await receipt()).groups.app === 1);
    await until(async () => (await leftIn(client, CHANNEL, 'app')) === 0);
  });
});
