import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { DemoProcess } from './demo-process.js';

const redisUrl = process.env.BELFRY_TEST_REDIS_URL ?? '';

function expectFullService(demo: DemoProcess): void {
  expect(demo.stdout).toContain('missed: 0  twice: 0');
  expect(demo.stdout).toContain('283 departures of ORD');
  expect(demo.figuresOf('feed')).toEqual([5000, 0, 0, 0, 0, 0, 0]);
  // Each asks once about each airport that it meets. Which ones a replica of `delays` meets depends on which flights it gets.
  const [askedByDelays = 0, askedByBoard = 0] = ['delays', 'board'].map((service) => demo.figuresOf(service)[5]);
  expect(askedByDelays).toBeGreaterThan(100);
  expect(askedByBoard).toBeGreaterThanOrEqual(203);
  expect(demo.figuresOf('airports')).toEqual([0, 10_000, 0, 0, 0, 0, askedByDelays + askedByBoard + 1]);
  expect(demo.figuresOf('delays')).toEqual([285, 5000, 0, 0, 0, askedByDelays, 0]);
  expect(demo.figuresOf('statistics')).toEqual([0, 5285, 0, 0, 0, 0, 0]);
  expect(demo.figuresOf('board')).toEqual([0, 5285, 0, 0, 0, askedByBoard, 0]);
  expect(demo.stdout).toContain('✓');
  expect(demo.stderr).toBe('');
}

describe('the demo', { timeout: 120_000 }, () => {
  it('runs in one process, in few lines when piped', async () => {
    const demo = new DemoProcess('--seconds', '2');
    expect(await demo.ended, demo.stdout + demo.stderr).toBe(0);
    expectFullService(demo);
    expect(demo.stdout.split('\n').length).toBeLessThan(40);
  });

  it('runs as one process for each service over Redis, and leaves nothing behind', async () => {
    const url = Object.assign(new URL(redisUrl), { pathname: '/7' }).href; // a database that no other test writes to
    const demo = new DemoProcess('--redis', url, '--seconds', '2');
    const processes = await demo.announced();
    expect(processes.map(({ service }) => service)).toEqual([
      'feed',
      'airports',
      'airports',
      'delays',
      'delays',
      'statistics',
      'statistics',
      'board',
    ]);
    expect(await demo.ended, demo.stdout + demo.stderr).toBe(0);
    expectFullService(demo);
    expect(processes.filter(isRunning)).toEqual([]);
    const redis = new Redis(url);
    expect(await redis.keys('*flights-*')).toEqual([]);
    redis.disconnect();
  });

  it.each([
    ['in one process', []],
    ['over Redis', ['--redis', redisUrl]],
  ])('stops at Ctrl-C %s', async (_, args) => {
    const demo = new DemoProcess(...args, '--seconds', '60');
    const processes = args.length > 0 ? await demo.announced() : [];
    await demo.said(/^2001-01-/m);
    demo.kill('SIGINT');
    expect(await demo.ended).toBe(130);
    expect(demo.stdout).toMatch(/Stopped\.\n$/);
    expect(demo.stderr).toBe('');
    expect(processes.filter(isRunning)).toEqual([]);
  });

  it('says within 5 s that there is no Redis', async () => {
    const url = `redis://127.0.0.1:${await unusedPort()}`;
    const demo = new DemoProcess('--redis', url);
    await demo.said(/5000 flights/);
    const began = performance.now();
    expect(await demo.ended).toBe(1);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(demo.stderr).toMatch(/^TRANSPORT_UNAVAILABLE: .*ECONNREFUSED/);
  });

  it('says what is wrong with its arguments', async () => {
    const demo = new DemoProcess('--seconds', 'soon');
    expect(await demo.ended).toBe(2);
    expect(demo.stderr).toMatch(/^--seconds must be a number from 1 to 600, not "soon"\.\n\nnpm run demo/);
  });
});

function isRunning({ pid }: { readonly pid: number }): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
