import { defineEvent } from '@belfry/contracts';
import { startProxy, startRedis, uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { collectingLogger, note, OrderPlaced, range, sharedUrl, startBus } from '../test/world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

/** Looked at later: until then its rejection is no surprise. */
function watched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

async function evalshaCalls(redis: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
}

describe('publishing over Redis', () => {
  it('sends what one turn published on one channel as one command', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const bus = startBus('app', { url: redis.url, heartbeat: '1h' });
    const noted = await note(bus, { concurrency: 1 });
    // A new connection stamps its places, by scripts too: one publish, one call says that it has done so.
    let before = await evalshaCalls(client);
    for (let calls = 0; calls !== 1; ) {
      await bus.publish(OrderPlaced, { n: -1 });
      const after = await evalshaCalls(client);
      calls = after - before;
      before = after;
    }
    const receipts = await Promise.all(range(100).map((n) => bus.publish(OrderPlaced, { n })));
    expect((await evalshaCalls(client)) - before).toBe(1);
    expect(new Set(receipts)).toEqual(new Set([{ broadcast: 0, groups: { app: 1 } }]));
    await vi.waitUntil(() => noted.includes(99));
    expect(noted.filter((n) => n >= 0)).toEqual(range(100));
    client.disconnect();
  });

  it('splits a burst that is too long for one command, in order', async () => {
    const bus = startBus('app', { url: sharedUrl }, { namespace: uniqueNamespace() });
    const noted = await note(bus, { concurrency: 1 });
    await Promise.all(range(3000).map((n) => bus.publish(OrderPlaced, { n })));
    await vi.waitUntil(() => noted.length === 3000);
    expect(noted).toEqual(range(3000));
  });

  it('rejects a publish whose answer is lost as unconfirmed, within a second, and never sends it again', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const noted = await note(startBus('app', { url: sharedUrl }, { namespace }));
    const bus = startBus('publisher', { url: proxy.url }, { namespace });
    await bus.publish(OrderPlaced, { n: 0 });
    const cut = proxy.cutAfterRequest('"n":1}');
    const from = performance.now();
    await expect(bus.publish(OrderPlaced, { n: 1 })).rejects.toMatchObject({ code: 'PUBLISH_UNCONFIRMED' });
    expect(performance.now() - from).toBeLessThan(1000);
    await cut;
    await bus.publish(OrderPlaced, { n: 2 });
    await vi.waitUntil(() => noted.includes(2));
    expect(noted).toEqual([0, 1, 2]);
  });

  it('rejects each publish of a lost burst, and delivers each at most once', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const noted = await note(startBus('app', { url: sharedUrl }, { namespace }));
    const bus = startBus('publisher', { url: proxy.url }, { namespace });
    await bus.publish(OrderPlaced, { n: -1 });
    const cut = proxy.cutAfterRequest('"n":50}');
    const settled = await Promise.allSettled(range(100).map((n) => bus.publish(OrderPlaced, { n })));
    await cut;
    for (const result of settled)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'PUBLISH_UNCONFIRMED' } });
    await bus.publish(OrderPlaced, { n: 100 });
    await vi.waitUntil(() => noted.includes(100));
    expect(new Set(noted).size).toBe(noted.length);
  });

  it('waits while Redis is away, and delivers in order when it is back', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const noted = await note(startBus('app', { url: sharedUrl }, { namespace }), { concurrency: 1 });
    const logger = collectingLogger();
    const bus = startBus('publisher', { url: proxy.url }, { namespace, logger });
    await bus.publish(OrderPlaced, { n: 0 });
    await proxy.refuse();
    await vi.waitUntil(() => logger.lines.some((line) => line.includes('Redis is away')));
    const first = range(10, 1).map((n) => bus.publish(OrderPlaced, { n }));
    await new Promise((resolve) => setImmediate(resolve));
    const second = range(10, 11).map((n) => bus.publish(OrderPlaced, { n }));
    const settled = Promise.allSettled([...first, ...second]);
    await proxy.accept();
    const delivered = (await settled).filter(({ status }) => status === 'fulfilled');
    expect(delivered).toHaveLength(20);
    await vi.waitUntil(() => noted.length === 21);
    expect(noted).toEqual(range(21));
  });

  it('rejects as unavailable what could not be written within the bound, naming the address and not the password', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    await proxy.refuse();
    const bus = startBus('publisher', { url: proxy.url.replace('redis://', 'redis://ann:secret@'), patience: 300 });
    const error: Error = await bus.publish(OrderPlaced, { n: 1 }).then(
      () => expect.fail('published'),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    expect(error.message).toContain(`127.0.0.1:${proxy.port}`);
    expect(error.message).toContain('ECONNREFUSED');
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain('secret');
  });

  it('goes on in order when Redis forgets the script in the midst of a stream of publishes', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const bus = startBus('app', { url: redis.url });
    const noted = await note(bus, { concurrency: 1 });
    const published: Promise<unknown>[] = [];
    for (let turn = 0; turn < 60; turn++) {
      for (const n of range(5, turn * 5)) published.push(watched(bus.publish(OrderPlaced, { n })));
      if (turn % 10 === 5) client.script('FLUSH').catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
    }
    const settled = await Promise.allSettled(published);
    const delivered = range(300).filter((n) => settled[n]?.status === 'fulfilled');
    await vi.waitUntil(() => noted.length === delivered.length);
    expect(noted).toEqual(delivered);
    for (const result of settled) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    }
    expect(await evalshaCalls(client)).toBeGreaterThan(0);
    client.disconnect();
  });

  it('tells what Redis refused', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    await client.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@all', '-evalsha');
    const bus = startBus('app', { url: redis.url.replace('redis://', 'redis://reader:pw@') });
    await expect(bus.publish(OrderPlaced, { n: 1 })).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      message: expect.stringContaining('NOPERM'),
    });
    client.disconnect();
  });

  it('holds a bounded amount for a Redis that does not answer, and rejects the rest as not delivered', async () => {
    await using redis = await startRedis({ fresh: true });
    const bus = startBus('app', { url: redis.url, patience: '30s', heartbeat: '30s' });
    await bus.publish(OrderPlaced, { n: 0 });
    await redis.kill('SIGSTOP');
    const Big = defineEvent('orders.big', { schema: z.string() });
    const text = 'x'.repeat(500_000);
    const open = new Set<Promise<unknown>>();
    let crowdedOut = 0;
    for (let turn = 0; turn < 200; turn++) {
      const publishing = bus.publish(Big, text);
      open.add(publishing);
      publishing.catch((error: Error) => {
        open.delete(publishing);
        if (error.message.includes('too much waits')) crowdedOut++;
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(open.size).toBeGreaterThan(50);
    expect(open.size).toBeLessThan(110); // 16 MiB unanswered and 32 MiB waiting, at half a megabyte each
    expect(crowdedOut).toBe(200 - open.size);
    await redis.kill('SIGCONT');
    await Promise.all(open);
  });

  it('gives up tens of thousands of waiting publishes without standing still', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    await proxy.refuse();
    const bus = startBus('app', { url: proxy.url, patience: 1000 });
    const codes = new Map<string, number>();
    const publishing: Promise<void>[] = [];
    for (let turn = 0; turn < 20_000; turn++) {
      publishing.push(
        bus.publish(OrderPlaced, { n: turn }).then(
          () => expect.fail('published'),
          ({ code }) => void codes.set(code, (codes.get(code) ?? 0) + 1),
        ),
      );
      if (turn % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(publishing);
    expect([...codes]).toEqual([['TRANSPORT_UNAVAILABLE', 20_000]]);
  });

  it('settles every publish when Redis is killed under load', async () => {
    await using redis = await startRedis({ fresh: true });
    const bus = startBus('app', { url: redis.url, patience: 500 });
    await bus.publish(OrderPlaced, { n: -1 });
    const published: Promise<unknown>[] = [];
    for (let turn = 0; turn < 50; turn++) {
      for (const n of range(20)) published.push(watched(bus.publish(OrderPlaced, { n })));
      if (turn === 25) void redis.kill();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const codes = (await Promise.allSettled(published)).map((result) =>
      result.status === 'rejected' ? result.reason.code : 'ok',
    );
    expect(codes).toHaveLength(1000);
    for (const code of new Set(codes)) expect(['ok', 'PUBLISH_UNCONFIRMED', 'TRANSPORT_UNAVAILABLE']).toContain(code);
  });
});
