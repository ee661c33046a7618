// What the tests of durable events share: contracts, a process to be killed, and what can be read from Redis.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { defineEvent } from '@belfry/contracts';
import { type RedisConfig, type RedisServer, startProxy, startRedis, type TcpProxy } from '@belfry/testing';
import { Redis } from 'ioredis';
import { onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { logKey } from '../src/names.js';
import type { WorkOptions } from './durable-jobs.js';
import { sharedUrl } from './world.js';

export const OrderPaid = defineEvent('orders.paid', { schema: z.object({ n: z.number() }), guarantee: 'durable' });

/** A process that handles jobs, and what it has said. */
export class DurableProcess {
  readonly said: string[] = [];
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;

  constructor(namespace: string, options: WorkOptions = {}, url = sharedUrl) {
    const script = fileURLToPath(new URL('./durable-process.ts', import.meta.url));
    this.process = spawn(
      process.execPath,
      ['--conditions=@belfry/source', '--import', 'tsx', script, url, namespace, JSON.stringify(options)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    onTestFinished(() => void this.process.kill('SIGKILL'));
    this.exited = once(this.process, 'exit');
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => this.said.push(line));
  }

  /** One that has its place in the group. */
  static async start(...args: ConstructorParameters<typeof DurableProcess>): Promise<DurableProcess> {
    const started = new DurableProcess(...args);
    await started.saying('ready');
    return started;
  }

  /** Waits until it has said something that begins so, and gives the rest of the line. */
  async saying(beginning: string): Promise<string> {
    const line = () => this.said.find((each) => each.startsWith(beginning));
    await until(() => line() !== undefined, 20_000);
    return (line() as string).slice(beginning.length).trim();
  }
}

/** A Redis of the test's own. It ends after the buses that the test starts on it: they need not wait for it in vain. */
export async function startOwnRedis(config: RedisConfig = {}): Promise<RedisServer> {
  const redis = await startRedis({ fresh: true, config });
  onTestFinished(() => redis.stop());
  return redis;
}

/** A way to Redis that can break. It ends after the buses that the test starts on it. */
export async function startProxyTo(url: string): Promise<TcpProxy> {
  const proxy = await startProxy({ url });
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** A connection of the test's own, which ends with it. */
export function connectTo(url = sharedUrl): Redis {
  const redis = new Redis(url);
  redis.on('error', () => {}); // it may be killed
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** The field `e` or another one of everything in a log, in order. */
export async function entriesOf(redis: Redis, channel: string, field = 'e'): Promise<string[]> {
  const entries = await redis.xrange(logKey(channel), '-', '+');
  return entries.map(([, fields]) => fields[fields.indexOf(field) + 1] as string);
}

/** The numbers in a log, in order. */
export async function numbersIn(redis: Redis, channel: string): Promise<number[]> {
  return (await entriesOf(redis, channel)).map((body) => JSON.parse(body).data.n);
}

/** Everything that a group still keeps of what it has read: nothing, when it is done with all of it. */
export async function leftIn(redis: Redis, channel: string, group: string): Promise<number> {
  const base = logKey(channel).slice(0, -'log'.length);
  const [pending] = (await redis.xpending(logKey(channel), group)) as [number];
  const rest = await Promise.all([
    redis.hlen(`${base}work:${group}`),
    redis.hlen(`${base}rest:${group}`),
    redis.zcard(`${base}due:${group}`),
    redis.hlen(`${base}busy:${group}`),
    redis.hget(`${base}state:${group}`, 'parked').then(Number),
  ]);
  return rest.reduce((sum, count) => sum + count, pending);
}

/** Resolves once so many instances of a group have asked for work and got none: the next doorbell is for one of them. */
export async function areWaiting(redis: Redis, channel: string, group: string, count: number): Promise<void> {
  const bells = logKey(channel).replace(/log$/, 'bells');
  await until(async () => ((await redis.hget(bells, group)) ?? '').split(' ').length === count + 1);
}

/** How often a server has run a command. */
export async function callsOf(redis: Redis, command: string): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

/** Waits for a fact; generously, for a machine that is busy with other tests. What does not come true fails the test. */
export const until = (fact: () => boolean | Promise<boolean>, timeout = 10_000): Promise<boolean> =>
  vi.waitUntil(fact, { timeout, interval: 5 });

/** Looked at later: until then its rejection is no surprise. */
export function watched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Holds handlers back until the test opens it. */
export function newGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
