import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, disconnectAll, endOf, open } from '../test/clients.js';
import { type RedisServer, startRedis } from './redis-server.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';
import { uniqueNamespace } from './unique-namespace.js';

// What a client cannot see: answers that are lost, connections that are dead, readers that are slow.
let redis: RedisServer;
let proxy: TcpProxy;
let key: string;

beforeAll(async () => {
  redis = await startRedis({ fresh: true });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  proxy = await startProxy(redis);
  key = uniqueNamespace('proxy');
});
afterEach(async () => {
  disconnectAll();
  await proxy.stop();
});

describe('cutAfterRequest', () => {
  it('lets the server execute the request, and loses the answer', async () => {
    const client = await open(proxy.url, { connectionName: 'orders' });
    const happened = proxy.cutAfterRequest(/incr/i, { name: 'orders' });
    expect(await client.set(key, 1)).toBe('OK');
    await expect(client.incr(key)).rejects.toThrow('Connection is closed');
    await happened;
    expect(await (await open(redis.url)).get(key)).toBe('2');
    expect(await (await open(proxy.url, { connectionName: 'orders' })).incr(key)).toBe(3); // works once
  });

  it('waits for the answer to that very request, after those to earlier ones', async () => {
    const client = await open(proxy.url);
    const happened = proxy.cutAfterRequest(key);
    const slow = client.eval('local n = 0; for i = 1, 3000000 do n = n + i end; return 1', 0);
    const lost = client.incr(key);
    await expect(lost).rejects.toThrow('Connection is closed');
    await slow.catch(() => undefined);
    await happened;
    expect(await (await open(redis.url)).get(key)).toBe('1');
  });

  it('leaves connections alone that the filter does not pick', async () => {
    const client = await open(proxy.url, { connectionName: 'orders' });
    const never = proxy.cutAfterRequest(() => true, { name: 'billing' });
    expect(await client.incr(key)).toBe(1);
    await proxy.stop();
    await expect(never).rejects.toThrow('stopped');
  });

  it('says so when the connection breaks before the answer', async () => {
    const client = await open(proxy.url);
    proxy.delay(3_600_000);
    const { promise: seen, resolve } = deferred<void>();
    const lost = proxy.cutAfterRequest((bytes) => {
      const isPing = bytes.includes('ping');
      if (isPing) resolve();
      return isPing;
    });
    const answer = client.ping();
    await seen;
    proxy.cut();
    await expect(answer).rejects.toThrow('Connection is closed');
    await expect(lost).rejects.toThrow('broke before the server had answered');
  });

  it('works on a subscriber connection, among its messages', async () => {
    const publisher = await open(redis.url);
    const subscriber = await open(proxy.url);
    const messages = vi.fn();
    subscriber.on('message', messages);
    await subscriber.subscribe(key);
    for (let i = 0; i < 5; i++) await publisher.publish(key, 'hello');
    await vi.waitFor(() => expect(messages).toHaveBeenCalledTimes(5));
    const happened = proxy.cutAfterRequest(`${key}:other`);
    await expect(subscriber.subscribe(`${key}:other`)).rejects.toThrow('Connection is closed');
    await happened;
  });
});

describe('swallow', () => {
  it('lets everything vanish while the sockets stay open', async () => {
    const client = await open(proxy.url, { commandTimeout: 200 });
    proxy.swallow();
    await expect(client.incr(key)).rejects.toThrow('Command timed out');
    expect(client.status).toBe('ready');
    const admin = await open(redis.url);
    expect(await admin.exists(key)).toBe(0);

    proxy.swallow(false);
    client.incr(key).catch(() => undefined); // the client takes its answer for that to the first one
    await vi.waitFor(async () => expect(await admin.get(key)).toBe('1'));
  });

  it('can swallow the answers only', async () => {
    const client = await open(proxy.url, { commandTimeout: 200 });
    proxy.swallow(true, { direction: 'toClient' });
    await expect(client.incr(key)).rejects.toThrow('Command timed out');
    expect(await (await open(redis.url)).get(key)).toBe('1');
  });

  it('can leave new connections alone', async () => {
    const old = await open(proxy.url, { commandTimeout: 200 });
    proxy.swallow(true, { existingOnly: true });
    await expect(old.ping()).rejects.toThrow('Command timed out');
    expect(await (await open(proxy.url)).ping()).toBe('PONG');
  });

  it('can pick one of the two connections of a service', async () => {
    const commands = await open(proxy.url, { connectionName: 'orders' });
    const subscriber = await open(proxy.url, { connectionName: 'orders:sub', commandTimeout: 200 });
    await Promise.all([commands.ping(), subscriber.ping()]);
    proxy.swallow(true, { filter: { name: 'orders:sub' } });
    await expect(subscriber.ping()).rejects.toThrow('Command timed out');
    expect(await commands.ping()).toBe('PONG');
  });

  it('hides from the server that the client has gone: the subscriber still counts', async () => {
    const admin = await open(redis.url);
    const subscriber = await open(proxy.url, { disconnectTimeout: 20 });
    await subscriber.subscribe(key);
    proxy.swallow();
    subscriber.disconnect();
    await endOf(subscriber);
    expect(await admin.publish(key, 'into the void')).toBe(1);
    expect(proxy.connections).toBe(1);

    proxy.swallow(false);
    await vi.waitFor(async () => expect(await admin.publish(key, 'to nobody')).toBe(0));
    await vi.waitFor(() => expect(proxy.connections).toBe(0));
  });

  it('hides from the client that the server has gone', async () => {
    await using own = await startRedis({ fresh: true });
    await using before = await startProxy({ url: own.url });
    const client = await open(before.url, { commandTimeout: 200 });
    before.swallow();
    await own.kill();
    await expect(client.ping()).rejects.toThrow('Command timed out');
    expect(client.status).toBe('ready');

    const ended = endOf(client);
    before.swallow(false);
    await ended;
  });
});

describe('slowReading', () => {
  it('makes output pile up at the server until that hangs up', async () => {
    await using own = await startRedis({ config: { 'client-output-buffer-limit': 'pubsub 8mb 0 0' } });
    await using before = await startProxy({ url: own.url });
    const subscriber = await open(before.url, { connectionName: 'slow' });
    await subscriber.subscribe(key);
    before.slowReading(1000, { name: 'slow' });
    const publisher = await open(own.url);
    const message = 'x'.repeat(1024 * 1024);
    await vi.waitFor(async () => expect(await publisher.publish(key, message)).toBe(0), { interval: 0 });
    const ended = endOf(subscriber);
    before.slowReading(Number.POSITIVE_INFINITY);
    await ended;
  });

  it('reads at about the given rate', async () => {
    const client = await open(proxy.url);
    await client.set(key, 'x'.repeat(1000));
    proxy.slowReading(10_000);
    const start = performance.now();
    for (let i = 0; i < 4; i++) await client.get(key);
    expect(performance.now() - start).toBeGreaterThan(250);
  });
});
