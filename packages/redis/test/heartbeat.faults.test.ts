import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { hearAtOnce } from '../src/connector.js';
import { membersKey } from '../src/names.js';
import { areWaiting, connectTo, OrderPaid, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { note, OrderPlaced, range, sharedUrl, startBus } from './world.js';

/** The promises, with the default heartbeat of five seconds. */
const NOTICED_WITHIN = 10_000;
const GONE_WITHIN = 15_000;

let namespace: string;
beforeEach(() => {
  namespace = uniqueNamespace();
});
const placesIn = async (redis: Redis): Promise<string> =>
  (await redis.hget(membersKey(`${namespace}:orders.placed`), 'billing')) ?? '';

/** A member in a process of its own. */
async function spawnMember(): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./member.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--conditions=@belfry/source', '--import', 'tsx', script, sharedUrl, namespace, 'billing'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data'); // 'ready'
  return child;
}

describe('with the default heartbeat', { timeout: 40_000 }, () => {
  it('a subscriber connection that is half open is noticed within ten seconds, and comes back', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const bus = startBus('billing', { url: proxy.url }, { namespace });
    const noted = await note(bus);
    const began = performance.now();
    const interrupted = new Promise<string | undefined>((resolve) => {
      bus.on('interrupted', ({ reason }) => resolve(reason));
    });
    proxy.swallow(true, { filter: { name: /subscriber$/ }, existingOnly: true });
    expect(await interrupted).toContain('no sign of life');
    expect(performance.now() - began).toBeLessThan(NOTICED_WITHIN);
    await until(() => bus.status === 'connected');
    await bus.ready(OrderPlaced, { groups: ['billing'] });
    await bus.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 1);
  });

  it('the place of a process that is stopped leaves the ring within fifteen seconds, by the stamps of another', async () => {
    const redis = connectTo();
    const staying = startBus('billing', { url: sharedUrl }, { namespace });
    const noted = await note(staying);
    const stopped = await spawnMember();
    expect(await placesIn(redis)).toHaveLength(36);
    const began = performance.now();
    stopped.kill('SIGSTOP'); // Redis still counts it as a receiver
    await until(async () => (await placesIn(redis)).length === 18, GONE_WITHIN);
    expect(performance.now() - began).toBeLessThan(GONE_WITHIN);
    expect((await placesIn(redis)).slice(0, 16)).toBe(staying.instance);
    for (const n of range(4)) await staying.publish(OrderPlaced, { n });
    await until(() => noted.length === 4);
    stopped.kill('SIGCONT'); // it takes its place again by itself
    await until(async () => (await placesIn(redis)).length === 36);
  });

  it('so does the place of a host that is gone without a word', async () => {
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const staying = startBus('billing', { url: sharedUrl }, { namespace });
    const gone = startBus('billing', { url: proxy.url }, { namespace });
    await note(staying);
    await note(gone);
    expect(await placesIn(redis)).toHaveLength(36);
    const began = performance.now();
    proxy.swallow(); // all there is, and all that will be tried
    await until(async () => (await placesIn(redis)).length === 18, GONE_WITHIN);
    expect(performance.now() - began).toBeLessThan(GONE_WITHIN);
    expect((await placesIn(redis)).slice(0, 16)).toBe(staying.instance);
    proxy.swallow(false);
    proxy.cut();
    await until(async () => (await placesIn(redis)).length === 36);
  });

  it('a Redis that is stopped for four seconds is waited for: no connection is dropped', async () => {
    const redis = await startOwnRedis();
    const bus = startBus('billing', { url: redis.url, patience: '15s' }, { namespace });
    const interruptions: unknown[] = [];
    bus.on('interrupted', (told) => void interruptions.push(told));
    const noted = await note(bus);
    await redis.kill('SIGSTOP');
    const published = Promise.all(range(10).map((n) => bus.publish(OrderPlaced, { n })));
    await new Promise((resolve) => setTimeout(resolve, 4000));
    await redis.kill('SIGCONT');
    await published;
    await until(() => noted.length === 10);
    // Two more beats: an answer that came late is not held against the connection.
    await new Promise((resolve) => setTimeout(resolve, 6000));
    await bus.publish(OrderPlaced, { n: 10 });
    await until(() => noted.length === 11);
    expect(interruptions).toEqual([]);
  });
});

/** Keeps the clients that Belfry makes of it. */
class Kept extends Redis {
  readonly lives: Redis[] = [];
  override duplicate(...options: Parameters<Redis['duplicate']>): Redis {
    const life = super.duplicate(...options);
    this.lives.push(life);
    return life;
  }
}

describe('a subscriber connection', () => {
  it('that answers, but no longer hears the probe, is dropped, and comes back with everything', async () => {
    const client = new Kept(sharedUrl);
    onTestFinished(() => client.disconnect());
    const bus = startBus('billing', { client, heartbeat: 200 }, { namespace });
    const noted = await note(bus);
    const subscriber = client.lives.find((life) => life.options.connectionName?.endsWith('subscriber')) as Redis;
    const reasons: (string | undefined)[] = [];
    bus.on('interrupted', ({ reason }) => void reasons.push(reason));
    // A client that has lost its way: Redis still finds it, and PING is still answered on it.
    hearAtOnce(subscriber, () => {});
    await until(() => reasons.length === 1 && bus.status === 'connected');
    expect(reasons[0]).toContain('the probe does not come round');
    await bus.ready(OrderPlaced, { groups: ['billing'] });
    await bus.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 1);
    expect(reasons).toHaveLength(1);
  });

  it('that was away when a durable event was appended: it is handled at once when it is back', {
    timeout: 40_000,
  }, async () => {
    const redis = connectTo();
    const proxy = await startProxyTo(sharedUrl);
    const worker = startBus('billing', { url: proxy.url }, { namespace });
    const handled: number[] = [];
    await worker.subscribe(OrderPaid, ({ n }) => void handled.push(n));
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    for (const n of range(4)) {
      await areWaiting(redis, `${namespace}:orders.paid`, 'billing', 1);
      proxy.swallow(true, { filter: { name: /subscriber$/ } }); // also the next ones
      proxy.cut({ name: /subscriber$/ });
      await until(() => worker.status === 'interrupted');
      await publisher.publish(OrderPaid, { n }); // its bell is not heard; it would be found after five seconds
      const resumed = new Promise<number>((resolve) => void worker.on('resumed', () => resolve(performance.now())));
      proxy.swallow(false);
      proxy.cut({ name: /subscriber$/ });
      const backAt = await resumed;
      await until(() => handled.includes(n));
      expect(performance.now() - backAt).toBeLessThan(2000);
    }
    expect(handled).toEqual(range(4));
  });
});
