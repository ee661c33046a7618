import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { defineChannel, defineEvent } from '@belfry/contracts';
import { createBus } from '@belfry/core';
import { startProxy, startRedis, uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { collectingLogger, note, OrderPlaced, range, sharedUrl, startBus } from '../test/world.js';
import { redisTransport } from './index.js';
import { inboxChannel, membersKey, probeChannel } from './names.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

const shardSubscribers = async (redis: Redis, name: string) =>
  Number(((await redis.call('PUBSUB', 'SHARDNUMSUB', name)) as unknown[])[1]);

/** Runs a member in a process of its own; resolves when it is subscribed. */
async function spawnMember(namespace: string, group: string): Promise<{ process: ChildProcess; handled: number[] }> {
  const script = fileURLToPath(new URL('../test/member.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--conditions=@belfry/source', '--import', 'tsx', script, sharedUrl, namespace, group],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const handled: number[] = [];
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n')) {
        if (line === 'ready') resolve();
        else if (line !== '') handled.push(Number(line));
      }
    });
  });
  return { process: child, handled };
}

describe('the Redis transport under faults', () => {
  it.each(['restarted empty', 'flushed'])(
    'has every subscription and place back, once, when Redis was %s',
    async (fault) => {
      await using redis = await startRedis({ fresh: true });
      const options = { url: redis.url, heartbeat: 200 };
      const [one, two, publisher] = [
        startBus('billing', options),
        startBus('billing', options),
        startBus('publisher', options),
      ];
      const [first, second] = [await note(one), await note(two)];
      const all = await note(one, { broadcast: true });
      const patterned: number[] = [];
      await one.subscribe('orders.*', (data) => void patterned.push((data as { n: number }).n));
      const Bare = defineChannel('mychannel');
      const texts: string[] = [];
      await two.subscribe(Bare, (text) => void texts.push(text));
      await publisher.publish(OrderPlaced, { n: 0 });
      // A server that is killed takes what it has written and nobody has read yet with it.
      await vi.waitUntil(() => first.length + second.length === 1 && all.length === 1 && patterned.length === 1);

      if (fault === 'flushed') {
        const client = new Redis(redis.url);
        await client.flushall();
        await client.quit();
      } else {
        await redis.restart({ empty: true });
      }
      await vi.waitUntil(
        async () => {
          const client = new Redis(redis.url, { lazyConnect: true });
          await client.connect();
          const ring = (await client.hget(membersKey('belfry:orders.placed'), 'billing')) ?? '';
          client.disconnect();
          return ring.length === 36;
        },
        { timeout: 10_000 },
      );
      const receipts = await Promise.all(range(10, 1).map((n) => publisher.publish(OrderPlaced, { n })));
      expect(receipts[0]).toEqual({ broadcast: 2, groups: { billing: 1 } });
      expect(await publisher.publish(Bare, 'hello')).toEqual({ broadcast: 1, groups: {} });
      await vi.waitUntil(
        () => first.length + second.length === 11 && all.length === 11 && patterned.length === 11 && texts.length === 1,
      );
      expect([...first, ...second].sort((a, b) => a - b)).toEqual(range(11));
      expect(all).toEqual(range(11));
      expect(patterned).toEqual(range(11));
    },
  );

  it('comes back when every connection is cut, and is subscribed once', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const logger = collectingLogger();
    const bus = startBus('billing', { url: proxy.url }, { namespace, logger });
    const noted = await note(bus);
    const inbox = inboxChannel(`${namespace}:orders.placed`, 'billing', bus.instance);
    for (let round = 1; round <= 3; round++) {
      proxy.cut();
      await vi.waitUntil(() => logger.lines.filter((line) => line.includes('Redis is back')).length === 2 * round);
      await bus.ready(OrderPlaced, { groups: ['billing'] });
      expect(await shardSubscribers(admin, inbox)).toBe(1);
    }
    await bus.publish(OrderPlaced, { n: 1 });
    await vi.waitUntil(() => noted.length > 0);
    expect(noted).toEqual([1]);
  });

  it('notices a subscriber connection that is open but dead, and others get the work meanwhile', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const half = startBus('billing', { url: proxy.url, heartbeat: 100 }, { namespace });
    const whole = startBus('billing', { url: sharedUrl, heartbeat: 100 }, { namespace });
    const [atHalf, atWhole] = [await note(half), await note(whole)];
    const halfId = half.instance;
    proxy.swallow(true, { filter: { name: /subscriber/ } });
    const ring = () => admin.hget(membersKey(`${namespace}:orders.placed`), 'billing');
    await vi.waitUntil(async () => !(await ring())?.includes(halfId), { timeout: 10_000 });
    await Promise.all(range(4).map((n) => half.publish(OrderPlaced, { n })));
    await vi.waitUntil(() => atWhole.length === 4);
    expect(atHalf).toEqual([]);
    proxy.swallow(false);
    await vi.waitUntil(async () => (await ring())?.includes(halfId), { timeout: 10_000 });
    await Promise.all(range(4, 4).map((n) => whole.publish(OrderPlaced, { n })));
    await vi.waitUntil(() => atHalf.length + atWhole.length === 8);
    expect([...atHalf, ...atWhole].sort()).toEqual(range(8));
  });

  it('settles a publish on a command connection that is open but dead', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const bus = startBus('publisher', { url: proxy.url, heartbeat: 100 }, { namespace: uniqueNamespace() });
    await bus.publish(OrderPlaced, { n: 0 });
    proxy.swallow(true, { existingOnly: true });
    await expect(bus.publish(OrderPlaced, { n: 1 })).rejects.toMatchObject({ code: 'PUBLISH_UNCONFIRMED' });
    expect(await bus.publish(OrderPlaced, { n: 2 })).toEqual({ broadcast: 0, groups: {} });
  });

  it('goes on with the others when a member is killed', async () => {
    const namespace = uniqueNamespace();
    const [victim, survivor] = await Promise.all([
      spawnMember(namespace, 'billing'),
      spawnMember(namespace, 'billing'),
    ]);
    const bus = startBus('publisher', { url: sharedUrl }, { namespace });
    await Promise.all(range(10).map((n) => bus.publish(OrderPlaced, { n })));
    await vi.waitUntil(() => victim.handled.length + survivor.handled.length === 10);
    victim.process.kill('SIGKILL');
    await vi.waitUntil(async () => Object.values((await bus.publish(OrderPlaced, { n: -1 })).groups)[0] === 1);
    const ring = () => admin.hget(membersKey(`${namespace}:orders.placed`), 'billing');
    await vi.waitUntil(async () => {
      await bus.publish(OrderPlaced, { n: -1 });
      return (await ring())?.length === 18;
    });
    await Promise.all(range(10, 10).map((n) => bus.publish(OrderPlaced, { n })));
    await vi.waitUntil(() => range(10, 10).every((n) => survivor.handled.includes(n)));
    const handled = [...victim.handled, ...survivor.handled].filter((n) => n >= 0);
    expect(handled.sort((a, b) => a - b)).toEqual(range(20));
  }, 30_000);

  it('fails within the patience when nobody is there, or waits and says so', async () => {
    await using redis = await startRedis({ fresh: true });
    await using proxy = await startProxy({ url: redis.url });
    await proxy.refuse();
    const impatient = startBus('billing', { url: proxy.url, subscribePatience: 200 });
    await expect(note(impatient)).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    const logger = collectingLogger();
    const patient = startBus('billing', { url: proxy.url, subscribePatience: 'forever' }, { logger });
    const subscribed = note(patient);
    await vi.waitUntil(() =>
      logger.lines.some((line) => line.startsWith('warn: Redis is not to be reached') && line.includes('ECONNREFUSED')),
    );
    await proxy.accept();
    const noted = await subscribed;
    await patient.publish(OrderPlaced, { n: 1 });
    await vi.waitUntil(() => noted.length === 1);
  });

  it('tells at once when Redis does not allow a subscription', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    await client.call(
      'ACL',
      'SETUSER',
      'narrow',
      'on',
      '>pw',
      '~*',
      'resetchannels',
      '&belfry:{belfry:orders.other}:*',
      '+@all',
    );
    const bus = startBus('billing', { url: redis.url.replace('redis://', 'redis://narrow:pw@') });
    await expect(note(bus, { broadcast: true })).rejects.toMatchObject({
      code: 'SUBSCRIBE_REFUSED',
      message: expect.stringContaining('NOPERM'),
    });
    client.disconnect();
  });

  it.each([
    ['no URL', { url: 'nonsense' }, /no URL/],
    ['another scheme', { url: 'http://localhost' }, /http:/],
    ['an unknown option', { url: sharedUrl, retries: 3 }, /"retries" is no option/],
    ['a client and a URL', { url: sharedUrl, client: admin }, /client excludes url/],
    ['nothing', {}, /one of url, redis, cluster and client/],
    ['Sentinels without a name', { redis: { sentinels: [{ host: 'one' }] } }, /redis.name must say/],
    ['no Sentinels', { redis: { sentinels: [], name: 'mymaster' } }, /redis.sentinels must be a list/],
    ['Sentinels and a server', { url: sharedUrl, redis: { sentinels: [{}], name: 'x' } }, /goes without a url/],
    ['a bad URL of Sentinels', { url: 'redis+sentinel://one:x?db=y' }, /port.*primary.*db/s],
    [
      'everything at once',
      { url: 'x', patience: 'soon', heartbeat: 1, subscribePatience: 'maybe' },
      /url.*patience.*heartbeat.*subscribePatience/s,
    ],
  ])('refuses %s with every mistake in one error', (_what, options, message) => {
    expect(() => redisTransport(options as never)).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('never quotes a password of a bad URL', () => {
    expect(() => redisTransport({ url: 'redis://ann:secret@host:6379/x' })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    );
  });

  it("takes an existing client's options, and leaves the client alone", async () => {
    const namespace = uniqueNamespace();
    const client = new Redis(sharedUrl, { keyPrefix: 'app:', db: 3 });
    const bus = startBus('billing', { client }, { namespace });
    const noted = await note(bus);
    expect(await bus.publish(OrderPlaced, { n: 1 })).toEqual({ broadcast: 0, groups: { billing: 1 } });
    await vi.waitUntil(() => noted.length === 1);
    await bus.close();
    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });

  it('leaves no connection open when it is closed, also while Redis is away', async () => {
    await using redis = await startRedis({ fresh: true });
    await using proxy = await startProxy({ url: redis.url });
    const [one, two] = [startBus('billing', { url: proxy.url }), startBus('billing', { url: proxy.url })];
    await Promise.all([note(one), note(two)]);
    await one.close();
    expect(proxy.connections).toBe(2);
    await proxy.refuse();
    await two.close();
    await proxy.accept();
    const client = new Redis(redis.url);
    expect(String(await client.client('LIST'))).not.toContain('belfry');
    client.disconnect();
  });

  it('does not stamp a place for a subscriber that is dead, although the command connection comes and goes', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const half = startBus('billing', { url: proxy.url, heartbeat: 100 }, { namespace });
    const whole = startBus('billing', { url: sharedUrl, heartbeat: 100 }, { namespace });
    await Promise.all([note(half), note(whole)]);
    proxy.swallow(true, { filter: { name: /subscriber/ } });
    const flapping = setInterval(() => proxy.cut({ name: /commands/ }), 150);
    const ring = () => admin.hget(membersKey(`${namespace}:orders.placed`), 'billing');
    await vi.waitUntil(async () => !(await ring())?.includes(half.instance), { timeout: 10_000 });
    clearInterval(flapping);
  });

  it('is not told that it lives by a stranger on its probe channel', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const half = startBus('billing', { url: proxy.url, heartbeat: 100 }, { namespace });
    const whole = startBus('billing', { url: sharedUrl, heartbeat: 100 }, { namespace });
    await Promise.all([note(half), note(whole)]);
    for (const lie of ['x', '-1', '1e9', '{}', '']) await admin.spublish(probeChannel(half.instance), lie);
    proxy.swallow(true, { filter: { name: /subscriber/ } });
    const ring = () => admin.hget(membersKey(`${namespace}:orders.placed`), 'billing');
    await vi.waitUntil(async () => !(await ring())?.includes(half.instance), { timeout: 10_000 });
  });

  it('settles subscribe(), end() and ready() when Redis is stopped in the midst of them', async () => {
    await using redis = await startRedis({ fresh: true });
    const bus = startBus('billing', { url: redis.url, subscribePatience: 300, heartbeat: 200 });
    const subscription = await bus.subscribe(OrderPlaced, () => {});
    await redis.kill('SIGSTOP');
    const Other = defineEvent('orders.other', { schema: z.object({}) });
    const settled = await Promise.allSettled([
      bus.subscribe(Other, () => {}),
      subscription.end(),
      bus.ready(OrderPlaced, { timeout: 100 }),
    ]);
    expect(settled.map((result) => (result.status === 'rejected' ? result.reason.code : 'ok'))).toEqual([
      'TRANSPORT_UNAVAILABLE',
      'ok',
      'NOT_READY',
    ]);
    await redis.kill('SIGCONT');
  });

  it('leaves no handler behind when a subscription is refused half way', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const rights = ['~*', 'resetchannels', '&belfry:{belfry:orders.placed}:*', '+@all'];
    await client.call('ACL', 'SETUSER', 'noprobe', 'on', '>pw', ...rights);
    const bus = startBus('billing', { url: redis.url.replace('redis://', 'redis://noprobe:pw@'), heartbeat: 50 });
    await expect(note(bus, { broadcast: true })).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    await vi.waitUntil(
      async () => ((await client.pubsub('NUMSUB', 'belfry:{belfry:orders.placed}:all')) as unknown[])[1] === 0,
    );
    client.disconnect();
  });

  it('refuses every subscription that begins while the probe is being refused', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    await client.call('ACL', 'SETUSER', 'noprobe', 'on', '>pw', '~*', 'resetchannels', '&belfry:{belfry:*', '+@all');
    const bus = startBus('billing', { url: redis.url.replace('redis://', 'redis://noprobe:pw@') });
    const settled = await Promise.allSettled([
      note(bus, { broadcast: true }),
      note(bus),
      note(bus, { group: 'audit' }),
    ]);
    for (const result of settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'SUBSCRIBE_REFUSED' } });
    }
    client.disconnect();
  });

  it('keeps the connection of a user who may publish, but not probe', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const rights = ['~*', 'resetchannels', '&belfry:orders.*', '&belfry:{belfry:orders.*', '+@all'];
    await client.call('ACL', 'SETUSER', 'publisher', 'on', '>pw', ...rights);
    const bus = startBus('shop', { url: redis.url.replace('redis://', 'redis://publisher:pw@'), heartbeat: 200 });
    const connections = async () => Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1]);
    const probes = async () =>
      Number(/cmdstat_spublish:.*rejected_calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    await bus.publish(OrderPlaced, { n: 1 });
    const before = await connections();
    await vi.waitUntil(async () => (await probes()) > 8);
    expect(await connections()).toBe(before);
    client.disconnect();
  });

  it('refuses a database that Redis does not have', async () => {
    await using redis = await startRedis({ fresh: true });
    const bus = startBus('billing', { url: `${redis.url}/99`, subscribePatience: 500 });
    await expect(note(bus)).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining('DB index'),
    });
  });

  it('says so when it is no Redis that answers', async () => {
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n').on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const error: Error = await note(
      startBus('billing', { url: `redis://127.0.0.1:${port}`, subscribePatience: 500 }),
    ).then(
      () => expect.fail('subscribed'),
      (reason) => reason,
    );
    expect(error.message).toContain('no Redis');
    expect(error.message).not.toContain('enableOfflineQueue');
  });

  it('warns of a Redis that evicts keys', async () => {
    await using redis = await startRedis({ config: { maxmemory: '100mb', 'maxmemory-policy': 'volatile-lru' } });
    const logger = collectingLogger();
    await startBus('billing', { url: redis.url }, { logger }).publish(OrderPlaced, { n: 1 });
    expect(logger.lines).toContainEqual(expect.stringMatching(/^warn: This Redis evicts keys.*volatile-lru/));
  });

  it('gives a place up that it could not give up while Redis was away', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const namespace = uniqueNamespace();
    const logger = collectingLogger();
    const bus = startBus('billing', { url: proxy.url, heartbeat: 50 }, { namespace, logger });
    const subscription = await bus.subscribe(OrderPlaced, () => {});
    await proxy.refuse();
    await vi.waitUntil(() => logger.lines.filter((line) => line.includes('Redis is away')).length === 2);
    await subscription.end();
    await proxy.accept();
    await vi.waitUntil(async () => (await admin.hget(membersKey(`${namespace}:orders.placed`), 'billing')) === '', {
      timeout: 10_000,
    });
  });

  it('reaches a frame and a lone event of a publisher that is no Belfry', async () => {
    const namespace = uniqueNamespace();
    const bus = createBus({
      name: 'billing',
      namespace,
      transport: redisTransport({ url: sharedUrl }),
      logger: collectingLogger(),
    });
    onTestFinished(async () => void (await bus.close()));
    const Shipped = defineEvent('orders.shipped', { schema: z.object({ n: z.number() }) });
    const got: number[] = [];
    await bus.subscribe(Shipped, ({ n }) => void got.push(n), { broadcast: true });
    const envelope = (n: number) =>
      JSON.stringify({ specversion: '1.0', id: `${n}`, source: '/x', type: 'orders.shipped', data: { n } }, null, 2);
    const name = `belfry:{${namespace}:orders.shipped}:all`;
    await admin.publish(name, `\x1e${envelope(1)}\n\x1egarbage\n\x1e${envelope(2)}\n`);
    await admin.publish(name, envelope(3));
    await vi.waitUntil(() => got.length === 3);
    expect(got).toEqual([1, 2, 3]);
    expect(bus.subscriptions[0]?.stats).toMatchObject({ received: 4, handled: 3, rejected: { unreadable: 1 } });
  });
});
