import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { freePort } from './free-port.js';
import { pingRedis } from './redis-ping.js';
import { startRedis } from './redis-server.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

const closedPort = await freePort();

// testcontainers looks for the engine once in a process, so this file can test only one of the two cases.
describe.skipIf(process.env.BELFRY_TEST_DOCKER)('without an engine', () => {
  it.each([
    ['unix:///nowhere/docker.sock', 'does not exist'],
    [`tcp://127.0.0.1:${closedPort}`, 'cannot be reached'],
  ])('says at once that %s %s', async (host, why) => {
    vi.stubEnv('DOCKER_HOST', host);
    const start = performance.now();
    await expect(startRedis({ source: 'docker' })).rejects.toThrow(`no Docker engine: ${host} ${why}`);
    expect(performance.now() - start).toBeLessThan(1900);
  });

  it('gives up on one that is not Docker', async () => {
    const silent = createServer((socket) => socket.destroy()).listen(await freePort(), '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${port}`);
    await expect(startRedis({ source: 'docker' })).rejects.toThrow(/container runtime|socket hang up/);
    silent.close();
  });
});

it('says what to install when testcontainers is missing', async () => {
  const engine = createServer().listen(await freePort(), '127.0.0.1');
  await once(engine, 'listening');
  const { port } = engine.address() as { port: number };
  vi.stubEnv('DOCKER_HOST', `tcp://127.0.0.1:${port}`);
  vi.doMock('testcontainers', () => Promise.reject(new Error('not there')));
  await expect(startRedis({ source: 'docker' })).rejects.toThrow('npm install -D testcontainers');
  vi.doUnmock('testcontainers');
  engine.close();
});

// Downloads an image of 40 MB and takes seconds, so only on demand. The other tests use Docker where nothing else is there.
describe.runIf(process.env.BELFRY_TEST_DOCKER)('with an engine', () => {
  it('starts, kills and restarts a server', { timeout: 120_000 }, async () => {
    await using redis = await startRedis({ source: 'docker', config: { maxmemory: '7mb', requirepass: 'secret' } });
    expect(redis).toMatchObject({ source: 'docker', pid: undefined });
    const run = async <T>(work: (client: Redis) => Promise<T>): Promise<T> => {
      const client = new Redis({ host: redis.host, port: redis.port, password: 'secret' });
      return await work(client).finally(() => client.disconnect());
    };
    expect(await run((client) => client.config('GET', 'maxmemory'))).toEqual(['maxmemory', String(7 * 1024 * 1024)]);

    await run((client) => client.set('k', 'v'));
    await redis.restart({ empty: false });
    expect(await run((client) => client.get('k'))).toBe('v');
    await redis.kill();
    expect(await pingRedis(redis)).toBe('silent');
    await redis.restart();
    expect(await run((client) => client.dbsize())).toBe(0);
  });
});
