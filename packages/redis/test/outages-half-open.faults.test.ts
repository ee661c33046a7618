import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RedisServer, TcpProxy } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { membersKey } from '../src/names.js';
import { connectTo, OrderPaid, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { Audience } from './outages-audience.js';
import { DoWork } from './work.js';
import { collectingLogger, note, OrderPlaced, range, startBus } from './world.js';

/** A machine that is busy with other tests is late by so much. */
const SLACK = 1000;

describe('a half-open connection that has been replaced', () => {
  it('is ended in Redis, too: nobody is counted twice', async () => {
    const redis = await startOwnRedis();
    const proxy = await startProxyTo(redis.url);
    const admin = connectTo(redis.url);
    const audience = await Audience.gather({ app: { url: proxy.url, heartbeat: 200 } });
    proxy.swallow(true, { existingOnly: true });
    await expect.poll(() => audience.returns, { timeout: 10_000 }).toBe(6);
    await audience.isWhole(admin);
    expect(await audience.asker.publish(OrderPlaced, { n: -1 })).toEqual({ broadcast: 3, groups: { app: 1 } });
  });

  it('is left to itself where that is not allowed', async () => {
    const redis = await startOwnRedis();
    const proxy = await startProxyTo(redis.url);
    await connectTo(redis.url).call(
      'ACL',
      'SETUSER',
      'narrow',
      'on',
      '>pw',
      '~*',
      '&*',
      '+@all',
      '-client|kill',
      '-client|info',
    );
    const logger = collectingLogger();
    const url = proxy.url.replace('redis://', 'redis://narrow:pw@');
    const bus = startBus('app', { url, heartbeat: 200 }, { logger });
    const noted = await note(bus);
    proxy.swallow(true, { existingOnly: true });
    await until(() => logger.lines.filter((line) => line.startsWith('info: Redis is back')).length === 2);
    await bus.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length > 0);
    expect(noted).toEqual([1]);
  });
});

describe('a half-open connection, with nothing but defaults', { timeout: 60_000 }, () => {
  let redis: RedisServer;
  let proxy: TcpProxy;
  let admin: Redis;
  beforeEach(async () => {
    redis = await startOwnRedis();
    proxy = await startProxyTo(redis.url);
    admin = connectTo(redis.url);
  });
  const ring = async (channel = 'belfry:orders.placed') => (await admin.hget(membersKey(channel), 'app')) ?? '';

  it.each(['subscriber', 'commands'])('to the %s is noticed within ten seconds, and replaced', async (role) => {
    const logger = collectingLogger();
    const bus = startBus('app', { url: proxy.url }, { logger });
    await note(bus);
    await sleep(1000 + Math.random() * 4000); // anywhere between two probes
    proxy.swallow(true, { filter: { name: new RegExp(`${role}$`) }, existingOnly: true });
    const began = performance.now();
    await until(() => logger.lines.some((line) => line.startsWith('info: Redis is back')), 20_000);
    expect(performance.now() - began).toBeLessThan(10_000 + SLACK);
    expect(logger.lines.filter((line) => line.startsWith('warn: Redis is away'))).toEqual([
      expect.stringContaining(role),
    ]);
  });

  it('of an instance whose machine is gone: within fifteen seconds its place is gone, and others get the work', async () => {
    const survivor = startBus('app', { url: redis.url });
    const publisher = startBus('publisher', { url: redis.url });
    const noted = await note(survivor);
    const script = fileURLToPath(new URL('./member.ts', import.meta.url));
    const args = ['--conditions=@belfry/source', '--import', 'tsx', script, proxy.url, 'belfry', 'app'];
    const victim = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void victim.kill('SIGKILL'));
    await once(victim.stdout, 'data');
    await until(async () => (await ring()).length === 36);
    await sleep(1000 + Math.random() * 4000); // anywhere between two probes
    proxy.swallow(); // Redis hears nothing of its end
    victim.kill('SIGKILL');
    const began = performance.now();
    await until(async () => (await ring()).length === 18, 30_000);
    expect(performance.now() - began).toBeLessThan(15_000 + SLACK);
    expect(await ring()).toContain(survivor.instance);
    await Promise.all(range(10).map((n) => publisher.publish(OrderPlaced, { n })));
    await until(() => noted.length >= 10);
    expect(noted.slice(-10)).toEqual(range(10));
  });

  it('keeps no publish and no request longer than it takes to be noticed, and the time that they have', async () => {
    const worker = startBus('app', { url: redis.url });
    const handled: number[] = [];
    await worker.subscribe(OrderPlaced, ({ n }) => void handled.push(n));
    await worker.subscribe(OrderPaid, ({ n }) => void handled.push(n));
    await worker.respond(DoWork, ({ n }) => {
      handled.push(n);
      return { n, by: 'me' };
    });
    const bus = startBus('asker', { url: proxy.url });
    await bus.request(DoWork, { n: 0 });
    proxy.swallow(true, { direction: 'toServer', existingOnly: true });
    const began = performance.now();
    const settled = await Promise.all(
      [
        bus.publish(OrderPlaced, { n: 1 }),
        bus.publish(OrderPaid, { n: 2 }),
        bus.request(DoWork, { n: 3 }, { timeout: '3s' }),
      ].map((each) =>
        each.then(
          () => 'ok',
          (error) => error.code,
        ),
      ),
    );
    expect(settled).toEqual(['PUBLISH_UNCONFIRMED', 'ok', 'REQUEST_TIMEOUT']);
    expect(performance.now() - began).toBeLessThan(10_000 + SLACK);
    await until(() => handled.includes(2));
    expect(handled).toEqual([0, 2]);
  });
});
