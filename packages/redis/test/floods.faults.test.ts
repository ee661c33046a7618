// A publisher that is ten times and more faster than who handles its events, in processes of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startOwnRedis } from './durable-world.js';
import { type DrownedReport, Flood, type FloodOptions, type FloodReport } from './flood.js';
import { range, startBus } from './world.js';

const MEBIBYTE = 1_048_576;
/** 64 MiB is what is promised; it takes 25 to 35, and twice of that where what is read is not read into one buffer. */
const MOST_GROWTH = 48 * MEBIBYTE;
/** As in Node 20. Node 24 lets V8 use 32 MiB more for objects that are young, whatever a program does. */
const youngGeneration = '--max-semi-space-size=16';
const script = fileURLToPath(new URL('./flood-process.ts', import.meta.url));

/** A process of flood-process.ts, and what it has said. */
class FloodProcess {
  readonly said: string[] = [];
  readonly process: ChildProcess;

  constructor(role: 'subscriber' | 'publisher' | 'firehose', url: string, namespace: string, options: object) {
    this.process = spawn(
      process.execPath,
      [
        youngGeneration,
        '--conditions=@belfry/source',
        '--import',
        'tsx',
        script,
        role,
        url,
        namespace,
        JSON.stringify(options),
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    onTestFinished(() => void this.process.kill('SIGKILL'));
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => this.said.push(line));
  }

  count(line: string): number {
    return this.said.filter((said) => said === line).length;
  }

  async saying(beginning: string, timeout: number): Promise<string> {
    const line = await vi.waitUntil(() => this.said.find((said) => said.startsWith(beginning)), {
      timeout,
      interval: 20,
    });
    return line.slice(beginning.length);
  }
}

/** Looks at the output buffer that Redis keeps for the subscriber, as long as the test runs. */
async function watchOutputBuffer(url: string): Promise<{ highest: number }> {
  const redis = new Redis(url);
  const watched = { highest: 0 };
  const look = async () => {
    const clients = String(await redis.client('LIST')).split('\n');
    const sizes = clients
      .filter((line) => line.includes(':subscriber '))
      .map((line) => Number(/ omem=(\d+)/.exec(line)?.[1]));
    watched.highest = Math.max(watched.highest, ...sizes);
  };
  const timer = setInterval(() => void look(), 50);
  onTestFinished(() => {
    clearInterval(timer);
    redis.disconnect();
  });
  return watched;
}

async function drown(options: FloodOptions, flood: { bytes: number; size: number }) {
  const { url } = await startOwnRedis({ save: '' });
  const namespace = uniqueNamespace();
  const subscriber = new FloodProcess('subscriber', url, namespace, options);
  await subscriber.saying('ready', 20_000);
  const buffer = await watchOutputBuffer(url);
  const began = performance.now();
  const publisher = new FloodProcess('publisher', url, namespace, flood);
  const offered = JSON.parse(await publisher.saying('report ', 240_000)) as FloodReport;
  const bytesPerMs = offered.bytes / (performance.now() - began);
  subscriber.process.kill('SIGTERM');
  const drowned = JSON.parse(await subscriber.saying('report ', 60_000)) as DrownedReport;
  // A machine may let the subscriber stand still for half a second while the others go on: what they write then, it cannot have read.
  const bufferLimit = 8 * MEBIBYTE + 2 * bytesPerMs * drowned.stoodStill;
  return { subscriber, offered, drowned, buffer, bufferLimit };
}

describe('a subscriber that is much slower than its publisher', { timeout: 320_000 }, () => {
  it('takes two gigabytes in bounded memory, on both sides, and accounts for every event', async () => {
    const { subscriber, offered, drowned, buffer, bufferLimit } = await drown(
      { broadcast: true, busy: 4000 },
      { bytes: 2 * 1024 * MEBIBYTE, size: 8192 },
    );
    expect(offered.bytes).toBeGreaterThanOrEqual(2 * 1024 * MEBIBYTE);
    expect(drowned.handled * 10).toBeLessThan(offered.published);
    expect(drowned).toMatchObject({ twice: 0, missed: 0, received: offered.published });
    expect(drowned.handled + drowned.dropped).toBe(offered.published);
    expect(drowned.growth).toBeLessThan(MOST_GROWTH);
    expect(buffer.highest).toBeLessThan(bufferLimit);
    expect(subscriber.count('full')).toBeGreaterThan(0);
  });

  it.each([
    ['waits for something else', 80, 400, { broadcast: true, wait: 4 }],
    ['computes, and prefers what is new', 80, 400, { broadcast: true, busy: 200, drop: 'oldest' }],
    ['gets large events', 200, 100_000, { broadcast: true, busy: 20_000 }],
  ] as const)('stays within its bounds when it %s', async (_, mebibytes, size, options) => {
    const { offered, drowned, buffer, bufferLimit } = await drown(options, { bytes: mebibytes * MEBIBYTE, size });
    // Redis has cut it off at no time: its buffer stayed below 32 MB, also while the code that reads was not compiled yet.
    expect(drowned).toMatchObject({ twice: 0, missed: 0, received: offered.published });
    expect(drowned.handled + drowned.dropped).toBe(offered.published);
    expect(drowned.dropped).toBeGreaterThan(0);
    expect(drowned.growth).toBeLessThan(MOST_GROWTH);
    if ('wait' in options) expect(buffer.highest).toBeLessThan(bufferLimit);
  });

  it('is well again after a burst, although more comes all the while', async () => {
    const { url } = await startOwnRedis({ save: '' });
    const namespace = uniqueNamespace();
    const subscriber = new FloodProcess('subscriber', url, namespace, { broadcast: true, busy: 1000 });
    await subscriber.saying('ready', 20_000);
    const bus = startBus('publisher', { url }, { namespace });
    let published = 0;
    const publish = (count: number) =>
      Promise.all(range(count).map(() => bus.publish(Flood, { n: published++, filler: 'x'.repeat(1000) })));
    const steady = setInterval(() => void publish(3), 10); // a third of what the handler manages
    onTestFinished(() => clearInterval(steady));
    await publish(3500);
    await subscriber.saying('full', 10_000);
    await subscriber.saying('well', 60_000);
  });

  it('stays connected while another program publishes short messages as fast as Redis takes them', async () => {
    const { url } = await startOwnRedis({ save: '' });
    const namespace = uniqueNamespace();
    const subscriber = new FloodProcess('subscriber', url, namespace, { channel: 'firehose', busy: 50 });
    await subscriber.saying('ready', 20_000);
    const firehose = new FloodProcess('firehose', url, namespace, { messages: 3_000_000, size: 100 });
    const { published } = JSON.parse(await firehose.saying('report ', 120_000)) as FloodReport;
    subscriber.process.kill('SIGTERM');
    const drowned = JSON.parse(await subscriber.saying('report ', 60_000)) as DrownedReport;
    expect(published).toBe(3_000_000);
    expect(drowned.received).toBe(published);
    expect(drowned.handled + drowned.dropped).toBe(published);
    expect(drowned.growth).toBeLessThan(MOST_GROWTH);
    expect(subscriber.count('interrupted')).toBe(0);
  });

  it('keeps the work of its group where there is nobody else to do it', async () => {
    const { offered, drowned } = await drown({ busy: 500 }, { bytes: 200 * MEBIBYTE, size: 4096 });
    expect(drowned.twice).toBe(0);
    expect(offered.nobody).toBe(0);
    expect(drowned.handled + drowned.dropped).toBe(offered.published);
  });
});
