import { type AddressInfo, connect, createServer } from 'node:net';
import { startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { callsOf, connectTo, numbersIn, OrderPaid, startOwnRedis } from '../test/durable-world.js';
import { collectingLogger, note, OrderPlaced, range, startBus } from '../test/world.js';
import { askWhetherPrimary } from './primary.js';

/** Nobody listens there: whoever follows it keeps what he has. */
const NOWHERE = ['127.0.0.1', 1] as const;

describe('asking whether a server is a primary', () => {
  it.each([
    ['is out of memory', ['maxmemory', '1']],
    ['lacks replicas', ['min-replicas-to-write', '3']],
    ['is well', ['maxmemory', '0']],
  ])('says yes of one that %s', async (_, setting) => {
    await using redis = await startRedis({ fresh: true });
    const client = connectTo(redis.url);
    await client.config('SET', setting[0]!, setting[1]!);
    await askWhetherPrimary(client);
  });

  it('says yes of one that does not let this user run scripts', async () => {
    await using redis = await startRedis({ acl: '~* &* +@all -eval' });
    await askWhetherPrimary(connectTo(redis.url));
  });

  it.each(['yes', 'no'])('says no of a replica, with replica-serve-stale-data %s', async (stale) => {
    await using redis = await startRedis({ config: { 'replica-serve-stale-data': stale } });
    const client = connectTo(redis.url);
    await client.replicaof(...NOWHERE);
    await expect(askWhetherPrimary(client)).rejects.toThrow('READONLY');
  });
});

describe('a server that has become a replica', () => {
  it('is left by who only publishes, within a heartbeat, and taken again when it is a primary', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const logger = collectingLogger();
    const bus = startBus('shop', { url: redis.url, heartbeat: 50, patience: 300 }, { logger });
    await bus.publish(OrderPlaced, { n: 1 });
    const interrupted = new Promise<string | undefined>((resolve) => {
      bus.on('interrupted', ({ reason }) => resolve(reason));
    });
    await admin.replicaof(...NOWHERE);
    expect(await interrupted).toContain('is a replica');
    await expect(bus.publish(OrderPlaced, { n: 2 })).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining('the server there is a replica'),
    });
    await admin.replicaof('NO', 'ONE');
    await vi.waitUntil(() => bus.status === 'connected', { timeout: 5000 });
    await bus.publish(OrderPlaced, { n: 3 });
    expect(logger.lines.map((line) => line.slice(0, 19))).toEqual(['warn: Redis is away', 'info: Redis is back']);
  });

  it('is left by a subscriber too, although nothing that it may still send would tell', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const bus = startBus('shop', { url: redis.url, heartbeat: 50 });
    const noted = await note(bus);
    await admin.replicaof(...NOWHERE);
    const listeners = async () => String(await admin.client('LIST')).match(/ name=belfry:/g)?.length ?? 0;
    await vi.waitUntil(async () => (await admin.pubsub('NUMSUB', '__redis__:invalidate'))[1] === 0, { timeout: 5000 });
    await vi.waitUntil(async () => (await listeners()) === 0, { timeout: 5000, interval: 1 });
    await admin.replicaof('NO', 'ONE');
    await vi.waitUntil(() => bus.status === 'connected', { timeout: 5000 });
    await bus.publish(OrderPlaced, { n: 1 });
    await vi.waitUntil(() => noted.length === 1);
  });

  it('refuses durable events: they wait, and are appended once and in their order by the next primary', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const bus = startBus('shop', { url: redis.url, heartbeat: '1h' }); // so that the refusal tells, and not the heartbeat
    const handled: number[] = [];
    await bus.subscribe(OrderPaid, ({ n }) => void handled.push(n), { broadcast: true });
    await bus.publish(OrderPaid, { n: 0 });
    await admin.replicaof(...NOWHERE);
    const published: Promise<unknown>[] = [];
    for (const n of range(20, 1)) {
      published.push(bus.publish(OrderPaid, { n }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitUntil(() => bus.status === 'interrupted');
    await admin.replicaof('NO', 'ONE');
    await Promise.all(published);
    expect(await numbersIn(admin, 'belfry:orders.paid')).toEqual(range(21));
    await vi.waitUntil(() => handled.length === 21);
    expect(handled).toEqual(range(21));
  });

  it('refuses durable events for longer than their patience: they were not delivered', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    const bus = startBus('shop', { url: redis.url, heartbeat: '1h', patience: 300 });
    await bus.publish(OrderPaid, { n: 0 });
    await admin.replicaof(...NOWHERE);
    await expect(bus.publish(OrderPaid, { n: 1 })).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining('which was not delivered'),
    });
    await admin.replicaof('NO', 'ONE');
    expect(await numbersIn(admin, 'belfry:orders.paid')).toEqual([0]);
  });

  it('is no place to start: the error says why', async () => {
    const redis = await startOwnRedis();
    await connectTo(redis.url).replicaof(...NOWHERE);
    const logger = collectingLogger();
    const bus = startBus('shop', { url: redis.url, subscribePatience: 500 }, { logger });
    await expect(note(bus)).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining('the server there is a replica'),
    });
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1); // however often it is tried
  });
});

it('a primary that lacks the replicas that it wants is kept: transient events go on, and durable ones are refused', async () => {
  const redis = await startOwnRedis();
  const admin = connectTo(redis.url);
  const bus = startBus('shop', { url: redis.url, heartbeat: 40 });
  const noted = await note(bus);
  const interruptions: unknown[] = [];
  bus.on('interrupted', (told) => void interruptions.push(told));
  await admin.config('SET', 'min-replicas-to-write', '1');
  await bus.publish(OrderPlaced, { n: 1 });
  await vi.waitUntil(() => noted.length === 1);
  await expect(bus.publish(OrderPaid, { n: 1 })).rejects.toMatchObject({
    code: 'PUBLISH_REFUSED',
    message: expect.stringContaining('NOREPLICAS'),
    hint: expect.stringContaining('min-replicas-to-write'),
  });
  const before = await callsOf(admin, 'spublish');
  await vi.waitUntil(async () => (await callsOf(admin, 'spublish')) > before + 6); // so many beats
  expect(interruptions).toEqual([]);
});

it('a subscriber that has stayed with a former primary is brought to the new one, although the probe comes round by replication', async () => {
  const [former, next] = [await startOwnRedis(), await startOwnRedis()];
  let port = former.port;
  // What leads there, like a name that now means another server.
  const road = createServer((socket) => {
    const on = connect(port, '127.0.0.1');
    for (const each of [socket, on]) each.on('error', () => {});
    socket.pipe(on).pipe(socket);
  });
  await new Promise<void>((resolve) => road.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void road.close());
  const url = `redis://127.0.0.1:${(road.address() as AddressInfo).port}`;
  const bus = startBus('shop', { url, heartbeat: 100 });
  const noted = await note(bus);
  const reasons: (string | undefined)[] = [];
  bus.on('interrupted', ({ reason }) => void reasons.push(reason));

  const admin = new Redis(former.url);
  onTestFinished(() => admin.disconnect());
  port = next.port;
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
  await vi.waitUntil(() => bus.status === 'connected' && reasons.length > 0, { timeout: 5000 });
  await admin.replicaof('127.0.0.1', next.port);
  await vi.waitUntil(() => reasons.some((reason) => reason?.includes('at the server that took it')), {
    timeout: 5000,
  });
  await vi.waitUntil(() => bus.status === 'connected', { timeout: 5000 });
  await bus.ready(OrderPlaced, { groups: ['shop'] });
  expect(await bus.publish(OrderPlaced, { n: 1 })).toMatchObject({ groups: { shop: 1 } });
  await vi.waitUntil(() => noted.length === 1);
});
