import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { areWaiting, OrderPaid, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

describe('a delayed event', () => {
  it('comes within about a second of its time, to a group and to a broadcast', async () => {
    const namespace = uniqueNamespace();
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    const handled: [n: number, at: number][] = [];
    const read: [n: number, at: number][] = [];
    await bus.subscribe(OrderPaid, ({ n }) => void handled.push([n, Date.now()]));
    await bus.subscribe(OrderPaid, ({ n }) => void read.push([n, Date.now()]), { broadcast: true });
    await areWaiting(admin, `${namespace}:orders.paid`, 'app', 1);
    const began = Date.now();
    const receipts = await Promise.all([
      bus.publish(OrderPaid, { n: 900 }, { at: new Date(began + 900) }),
      bus.publish(OrderPaid, { n: 300 }, { delay: 300 }),
      bus.publish(OrderPaid, { n: 600 }, { delay: '600ms' }),
      bus.publish(OrderPaid, { n: 0 }),
    ]);
    expect(receipts.map(({ entry }) => entry === undefined)).toEqual([true, true, true, false]);
    await until(() => handled.length === 4 && read.length === 4);
    for (const came of [handled, read]) {
      expect(came.map(([n]) => n)).toEqual([0, 300, 600, 900]);
      for (const [n, at] of came) {
        expect(at - began).toBeGreaterThanOrEqual(n - 2); // two clocks, which round
        expect(at - began).toBeLessThan(n + 1500);
      }
    }
  });

  it('comes although its publisher has died and Redis was killed, as far as that had written it down', async () => {
    const redis = await startOwnRedis({ appendonly: 'yes', appendfsync: 'always' });
    const options = { url: redis.url, heartbeat: 500 };
    const worker = startBus('app', options);
    const handled: number[] = [];
    await worker.subscribe(OrderPaid, ({ n }) => void handled.push(n), { claimTimeout: 900 });
    const publisher = startBus('publisher', options);
    const due = Date.now() + 1000;
    for (const n of range(3)) await publisher.publish(OrderPaid, { n }, { at: new Date(due + n * 100) });
    await publisher.close();
    await redis.kill('SIGKILL');
    await redis.restart({ empty: false });
    expect(handled).toEqual([]);
    await until(() => handled.length === 3);
    expect(Date.now()).toBeGreaterThanOrEqual(due);
    expect(handled).toEqual([0, 1, 2]);
  });

  it('comes although the one who was told of it first is gone', async () => {
    const namespace = uniqueNamespace();
    const proxy = await startProxyTo(sharedUrl);
    const handled: [by: string, n: number][] = [];
    for (const [by, url] of [
      ['gone', proxy.url],
      ['there', sharedUrl],
    ] as const) {
      const bus = startBus('app', { url }, { namespace });
      await bus.subscribe(OrderPaid, ({ n }) => void handled.push([by, n]), { claimTimeout: 1500 });
      await areWaiting(admin, `${namespace}:orders.paid`, 'app', by === 'gone' ? 1 : 2);
    }
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    const began = Date.now();
    await publisher.publish(OrderPaid, { n: 1 }, { delay: 300 });
    await proxy.refuse();
    await until(() => handled.length === 1);
    expect(handled).toEqual([['there', 1]]);
    expect(Date.now() - began).toBeLessThan(300 + 1500);
    await proxy.accept(); // else its end takes a while
  });

  it('comes with all the others that are due at the same time, once each, to a group that comes only then', async () => {
    const namespace = uniqueNamespace();
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    const at = new Date(Date.now() + 200);
    await Promise.all(range(350).map((n) => publisher.publish(OrderPaid, { n }, { at })));
    await until(() => Date.now() > at.getTime());
    const handled: number[] = [];
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    await bus.subscribe(OrderPaid, ({ n }) => void handled.push(n));
    await until(() => handled.length === 350);
    expect(handled.sort((a, b) => a - b)).toEqual(range(350));
    expect(await admin.keys(`belfry:{${namespace}:orders.paid}:later*`)).toEqual([]);
  });

  it('can be called off until it is due, and its id is free again by that', async () => {
    const namespace = uniqueNamespace();
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    const handled: number[] = [];
    await bus.subscribe(OrderPaid, ({ n }) => void handled.push(n));
    await bus.publish(OrderPaid, { n: 1 }, { id: 'a', delay: 400 });
    expect(await bus.publish(OrderPaid, { n: 2 }, { id: 'a', delay: 200 })).toMatchObject({ duplicate: true });
    const { id = '' } = await bus.publish(OrderPaid, { n: 3 }, { delay: 400 });
    expect([await bus.cancel(OrderPaid, 'a'), await bus.cancel(OrderPaid, 'a')]).toEqual([true, false]);
    expect([await bus.cancel(OrderPaid, id), await bus.cancel(OrderPaid, 'never there')]).toEqual([true, false]);
    expect(await bus.publish(OrderPaid, { n: 4 }, { id: 'a', delay: 500 })).not.toHaveProperty('duplicate');
    await until(() => handled.length === 1); // the others would have come before
    expect(handled).toEqual([4]);
    expect(await bus.cancel(OrderPaid, 'a')).toBe(false);
  });
});
