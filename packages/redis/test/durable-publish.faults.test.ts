import { setTimeout as sleep } from 'node:timers/promises';
import { uniqueNamespace } from '@belfry/testing';
import type { Bus } from '@belfry/core';
import { afterAll, describe, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import { appendScript, tendScript } from '../src/scripts.js';
import {
  callsOf,
  connectTo,
  entriesOf,
  nextTurn,
  numbersIn,
  OrderPaid,
  startOwnRedis,
  startProxyTo,
  until,
  watched,
} from './durable-world.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

/** The first publish has the log looked after, by a script that is sent whole when Redis does not know it. */
const isTended = (client: Redis) => until(async () => Number(await client.script('EXISTS', tendScript.sha)) === 1);
const codeOf = (reason: unknown): unknown => (reason as { code?: unknown }).code;

/** Publishes numbers from 52 on until one is confirmed. */
async function getsThrough(bus: Bus): Promise<void> {
  let n = 52;
  const isConfirmed = () =>
    bus.publish(OrderPaid, { n: n++ }).then(
      () => true,
      () => false,
    );
  await until(isConfirmed);
}

describe('publishing durable events over Redis', () => {
  it('sends what one turn published on one channel as one command', async () => {
    const redis = await startOwnRedis();
    const client = connectTo(redis.url);
    const bus = startBus('app', { url: redis.url, heartbeat: '1h' });
    await bus.publish(OrderPaid, { n: -1 });
    await isTended(client);
    const before = await callsOf(client, 'evalsha');
    const receipts = await Promise.all(range(100).map((n) => bus.publish(OrderPaid, { n })));
    expect((await callsOf(client, 'evalsha')) - before).toBe(1);
    expect(new Set(receipts.map(({ entry }) => entry)).size).toBe(100);
    expect(await numbersIn(client, 'belfry:orders.paid')).toEqual(range(101, -1));
  });

  it('sends again what was appended although the answer was lost, and it is there once', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const bus = startBus('app', { url: proxy.url }, { namespace });
    await bus.publish(OrderPaid, { n: 0 });
    const lost = proxy.cutAfterRequest('"n":1}');
    const receipt = await bus.publish(OrderPaid, { n: 1 });
    await lost;
    await bus.publish(OrderPaid, { n: 2 });
    expect(await numbersIn(admin, `${namespace}:orders.paid`)).toEqual([0, 1, 2]);
    const [, second] = await admin.xrange(`belfry:{${namespace}:orders.paid}:log`, '-', '+');
    expect(receipt).toMatchObject({ entry: second?.[0], groups: {} });
    expect(receipt).not.toHaveProperty('duplicate');
  });

  it('appends a flood once and in order while its connection is cut at random moments', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const bus = startBus('app', { url: proxy.url }, { namespace });
    await bus.publish(OrderPaid, { n: 0 });
    let [isOver, confirmed, cuts] = [false, 0, 0];
    const cutting = (async () => {
      for (let before = -1; !isOver; cuts++) {
        await until(() => isOver || confirmed > before); // it has come back from the last one
        before = confirmed;
        await sleep(Math.random() * 10);
        if (cuts % 2 === 0) proxy.cut({ name: /commands/ });
        else await Promise.race([proxy.cutAfterRequest('orders.paid').catch(() => {}), sleep(100)]);
      }
    })();
    const settled: Promise<unknown>[] = [];
    for (let n = 1; n < 5000; ) {
      for (let burst = Math.random() * 20; burst > 0 && n < 5000; burst--) {
        settled.push(bus.publish(OrderPaid, { n: n++ }).then(() => confirmed++, codeOf));
      }
      if (Math.random() < 0.5)
        await nextTurn(); // else a few batches are in flight
      else await sleep(Math.random() * 5);
    }
    const outcomes = await Promise.all(settled);
    isOver = true;
    await cutting;
    expect(outcomes.filter((outcome) => typeof outcome !== 'number')).toEqual([]);
    expect(cuts).toBeGreaterThan(5);
    expect(await numbersIn(admin, `${namespace}:orders.paid`)).toEqual(range(5000));
    const entries = await entriesOf(admin, `${namespace}:orders.paid`, 'n');
    expect(entries).toEqual(range(5000, 1).map(String));
  });

  it('says of what it gave up while Redis was away whether it was never written, or perhaps appended', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const logger = collectingLogger();
    const bus = startBus('app', { url: proxy.url, patience: 400 }, { namespace, logger });
    await bus.publish(OrderPaid, { n: 0 });
    const lost = proxy.cutAfterRequest('"n":1}');
    const written = watched(bus.publish(OrderPaid, { n: 1 }));
    await lost;
    await proxy.refuse();
    await until(() => logger.lines.some((line) => line.includes('Redis is away')));
    const unwritten = bus.publish(OrderPaid, { n: 2 });
    await expect(unwritten).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    await expect(written).rejects.toMatchObject({ code: 'PUBLISH_UNCONFIRMED' });
    await proxy.accept();
    await getsThrough(bus);
    expect((await numbersIn(admin, `${namespace}:orders.paid`)).filter((n) => n < 52)).toEqual([0, 1]);
  });

  it('appends once what went into a half-open connection', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const bus = startBus('app', { url: proxy.url, heartbeat: 100 }, { namespace });
    await bus.publish(OrderPaid, { n: 0 });
    proxy.swallow(true, { direction: 'toClient', existingOnly: true });
    await Promise.all(range(3, 1).map((n) => bus.publish(OrderPaid, { n })));
    expect(await numbersIn(admin, `${namespace}:orders.paid`)).toEqual(range(4));
  });

  it('settles every publish while Redis neither answers nor hangs up, and goes on when it does', async () => {
    const redis = await startOwnRedis();
    const bus = startBus('app', { url: redis.url, heartbeat: 100, patience: 300 });
    await bus.publish(OrderPaid, { n: 0 });
    await redis.kill('SIGSTOP');
    const outcomes = Promise.all(range(50, 1).map((n) => bus.publish(OrderPaid, { n }).catch(codeOf)));
    expect(new Set(await outcomes)).toEqual(new Set(['PUBLISH_UNCONFIRMED']));
    await expect(bus.publish(OrderPaid, { n: 51 })).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    await redis.kill('SIGCONT');
    await getsThrough(bus);
    const numbers = (await numbersIn(connectTo(redis.url), 'belfry:orders.paid')).filter((n) => n < 52);
    expect(numbers).toEqual(numbers.includes(1) ? range(51) : [0]);
  });

  it('neither reorders nor loses nor doubles when the scripts are flushed in the middle of a flood', async () => {
    const redis = await startOwnRedis();
    const client = connectTo(redis.url);
    const bus = startBus('app', { url: redis.url });
    const handled: number[] = [];
    await startBus('worker', { url: redis.url }).subscribe(OrderPaid, ({ n }) => void handled.push(n));
    await bus.publish(OrderPaid, { n: 0 });
    const published: Promise<unknown>[] = [];
    for (const n of range(2000, 1)) {
      published.push(bus.publish(OrderPaid, { n }));
      if (n % 200 === 0) void client.script('FLUSH');
      if (n % 10 === 0) await nextTurn();
    }
    await Promise.all(published);
    expect(await client.info('errorstats')).toContain('errorstat_NOSCRIPT');
    expect(await numbersIn(client, 'belfry:orders.paid')).toEqual(range(2001));
    await until(() => handled.length === 2001);
    expect(handled.sort((a, b) => a - b)).toEqual(range(2001));
  });

  it('gives up what a later publish has overtaken, because somebody else had loaded a flushed script again', async () => {
    const redis = await startOwnRedis();
    const proxy = await startProxyTo(redis.url);
    const client = connectTo(redis.url);
    const bus = startBus('app', { url: proxy.url });
    await bus.publish(OrderPaid, { n: 0 });
    await isTended(client);
    await client.call('CONFIG', 'RESETSTAT');
    await client.script('FLUSH');
    proxy.slowReading(0); // answers wait
    const overtaken = watched(bus.publish(OrderPaid, { n: 1 }));
    await until(async () => (await client.info('errorstats')).includes('NOSCRIPT:count=1'));
    await client.script('LOAD', appendScript.text);
    const later = bus.publish(OrderPaid, { n: 2 });
    await until(async () => (await numbersIn(client, 'belfry:orders.paid')).length === 2);
    proxy.slowReading(Number.POSITIVE_INFINITY);
    await expect(overtaken).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    await later;
    await bus.publish(OrderPaid, { n: 3 });
    expect(await numbersIn(client, 'belfry:orders.paid')).toEqual([0, 2, 3]);
  });
});
