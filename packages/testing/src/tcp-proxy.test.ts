import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { disconnectAll, endOf, open, openSocket } from '../test/clients.js';
import { freePort } from './free-port.js';
import { pingRedis } from './redis-ping.js';
import { type RedisServer, startRedis } from './redis-server.js';
import { startProxy, type TcpProxy } from './tcp-proxy.js';
import { uniqueNamespace } from './unique-namespace.js';

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

describe('a proxy that behaves', () => {
  it('passes everything on, big values too', async () => {
    expect(proxy.url).toBe(`redis://127.0.0.1:${proxy.port}`);
    const client = await open(proxy.url);
    const big = 'x'.repeat(8 * 1024 * 1024);
    await client.set(key, big);
    expect(await client.get(key)).toBe(big);
  });

  it('keeps the rest of a URL', async () => {
    await using other = await startProxy({ url: `redis://user:secret@localhost:${redis.port}/2` });
    expect(other.url).toBe(`redis://user:secret@127.0.0.1:${other.port}/2`);
    expect(await pingRedis(other)).toBe('ready');
  });

  it('counts open connections and knows their names', async () => {
    expect(proxy.connections).toBe(0);
    const first = await open(proxy.url, { connectionName: 'orders' });
    await open(proxy.url, { connectionName: 'orders:sub' });
    await vi.waitFor(() => expect(proxy.list().map(({ name }) => name)).toEqual(['orders', 'orders:sub']));
    expect(proxy.connections).toBe(2);
    await first.quit();
    await vi.waitFor(() => expect(proxy.list()).toMatchObject([{ id: 2, name: 'orders:sub' }]));
  });

  it('passes the end of one side on to the other', async () => {
    const client = await open(proxy.url);
    const ended = endOf(client);
    const admin = await open(redis.url);
    expect(await admin.client('KILL', 'ID', await client.client('ID'))).toBe(1);
    await ended;
    await vi.waitFor(() => expect(proxy.connections).toBe(0));
  });

  it('reads no faster than the other side takes it', async () => {
    let received = 0;
    const sink = createServer((socket) => {
      socket.pause().on('error', () => undefined);
      socket.on('data', (chunk) => {
        received += chunk.length;
      });
      socket.pause(); // listening to data had started it
    });
    const sinkPort = await freePort();
    await once(sink.listen(sinkPort, '127.0.0.1'), 'listening');
    await using before = await startProxy({ target: { host: '127.0.0.1', port: sinkPort } });
    const accepted = once(sink, 'connection');
    const { socket } = await openSocket(before.port);
    const [behind] = (await accepted) as [Socket];

    // It takes all that the two pairs of sockets can hold, then it stops; what the proxy itself holds is little.
    const total = 256 * 1024 * 1024;
    const chunk = Buffer.alloc(1024 * 1024);
    let written = 0;
    let stuckSince = performance.now();
    await new Promise<void>((stuck) => {
      const check = setInterval(() => {
        if (performance.now() - stuckSince < 300) return;
        clearInterval(check);
        stuck();
      }, 20);
      const write = () => {
        stuckSince = performance.now();
        if (written >= total) return;
        written += chunk.length;
        socket.write(chunk, write);
      };
      write();
    });
    expect(written).toBeLessThan(total / 2);

    behind.resume();
    await vi.waitFor(() => expect(received).toBe(total), { timeout: 15_000 });
    socket.destroy();
    sink.close();
  });

  it('resets clients of a server that is down', async () => {
    await using before = await startProxy({ target: { host: '127.0.0.1', port: await freePort() } });
    const { error } = await openSocket(before.port);
    expect(await error).toBe('ECONNRESET');
    await vi.waitFor(() => expect(before.connections).toBe(0));
  });
});

describe('cut', () => {
  it('resets the open connections, and accepts new ones', async () => {
    const { socket, error } = await openSocket(proxy.port);
    await vi.waitFor(() => expect(proxy.connections).toBe(1));
    expect(proxy.cut()).toBe(1);
    expect(proxy.connections).toBe(0);
    expect(await error).toBe('ECONNRESET');
    socket.destroy();
    expect(await (await open(proxy.url)).ping()).toBe('PONG');
  });

  it('closes them in an orderly way when it is told to', async () => {
    const { socket, error } = await openSocket(proxy.port);
    await vi.waitFor(() => expect(proxy.connections).toBe(1));
    proxy.cut(undefined, 'end');
    expect(await error).toBeUndefined();
    socket.destroy();
  });

  it('can pick a connection by its name', async () => {
    const commands = await open(proxy.url, { connectionName: 'orders' });
    const subscriber = await open(proxy.url, { connectionName: 'orders:sub' });
    await Promise.all([commands.ping(), subscriber.ping()]);
    const ended = endOf(subscriber);
    expect(proxy.cut({ name: /:sub$/ })).toBe(1);
    await ended;
    expect(await commands.ping()).toBe('PONG');
  });
});

describe('refuse and accept', () => {
  it('refuses connections until it accepts them again, on the same port', async () => {
    const client = await open(proxy.url);
    const ended = endOf(client);
    await proxy.refuse();
    await ended;
    const refused = connect(proxy.port, '127.0.0.1');
    const [error] = await once(refused, 'error').catch((reason) => [reason]);
    expect(error.code).toBe('ECONNREFUSED');
    await proxy.refuse(); // again: nothing
    await proxy.accept();
    await proxy.accept();
    expect(await (await open(proxy.url)).ping()).toBe('PONG');
  });

  it('accepts nothing after stop', async () => {
    await proxy.stop();
    await expect(proxy.accept()).rejects.toThrow('stopped');
    await expect(proxy.cutAfterRequest('x')).rejects.toThrow('stopped');
  });
});

describe('delay', () => {
  it('holds each direction, in order', async () => {
    const client = await open(proxy.url);
    proxy.delay(100);
    const start = performance.now();
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.incr(key)));
    expect(performance.now() - start).toBeGreaterThanOrEqual(199);
    expect(answers).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  });

  it('lets go of what it holds when it is turned off', async () => {
    const client = await open(proxy.url);
    proxy.delay(3_600_000);
    const answers = Promise.all([client.incr(key), client.incr(key)]);
    await open(redis.url);
    proxy.delay(0);
    expect(await answers).toEqual([1, 2]);
  });

  it('can pick a connection', async () => {
    proxy.delay(3_600_000, { name: 'slow' });
    const fast = await open(proxy.url, { connectionName: 'fast' });
    expect(await fast.ping()).toBe('PONG');
  });
});
