import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { findExecutable } from './executable.js';
import { projectCacheDir } from './project-cache.js';
import { pingRedis } from './redis-ping.js';
import { type RedisServer, startRedis } from './redis-server.js';

// Where the only Redis is one in Docker, there is no process of ours and no folder to look at.
const isProcess = await startRedis({ fresh: true }).then(async (redis) => {
  await redis.stop();
  return redis.source !== 'docker';
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Runs commands over a connection of their own. */
async function connected<T>(server: { url: string }, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(server.url, { retryStrategy: null });
  client.on('error', () => undefined);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

const isAlive = (pid: number | undefined): boolean => {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function folderOf(server: RedisServer): Promise<string> {
  return await connected(server, async (client) => ((await client.config('GET', 'dir')) as string[])[1]!);
}

describe('a server of its own', () => {
  it.runIf(isProcess)('serves commands at once, on 127.0.0.1 only, and keeps nothing on disk', async () => {
    await using redis = await startRedis({ fresh: true });
    expect(redis.url).toBe(`redis://${redis.host}:${redis.port}`);
    await connected(redis, async (client) => {
      expect(await client.set('k', 'v')).toBe('OK');
      expect(await client.config('GET', 'bind')).toEqual(['bind', '127.0.0.1']);
      expect(await client.config('GET', 'save')).toEqual(['save', '']);
      expect(await client.config('GET', 'appendonly')).toEqual(['appendonly', 'no']);
      expect(await client.info('server')).toContain(`process_id:${redis.pid}\r\n`);
    });
  });

  it.runIf(isProcess)('is stopped at the end of its block, and its folder is gone', async () => {
    let pid: number | undefined;
    let folder: string;
    {
      await using redis = await startRedis({ fresh: true });
      pid = redis.pid;
      folder = await folderOf(redis);
      expect(existsSync(folder)).toBe(true);
    }
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(folder)).toBe(false);
  });

  it.runIf(isProcess)('can be stopped twice, also while it is paused, and cannot be used afterwards', async () => {
    const redis = await startRedis({ fresh: true });
    await redis.kill('SIGSTOP');
    await Promise.all([redis.stop(), redis.stop()]);
    await redis.stop();
    expect(redis.pid).toBeUndefined();
    await expect(redis.kill()).rejects.toThrow('has been stopped');
    await expect(redis.restart()).rejects.toThrow('has been stopped');
  });

  it('takes settings as redis.conf does', async () => {
    const config = {
      maxmemory: '7mb',
      'client-output-buffer-limit': 'pubsub 1mb 0 0',
      user: ['alice on nopass ~* +@all', 'bob on >secret ~b:* +get'],
    };
    await using redis = await startRedis({ config });
    await connected(redis, async (client) => {
      expect(await client.config('GET', 'maxmemory')).toEqual(['maxmemory', String(7 * 1024 * 1024)]);
      expect(String(await client.config('GET', 'client-output-buffer-limit'))).toContain('pubsub 1048576 0 0');
      expect(await client.acl('USERS')).toEqual(expect.arrayContaining(['alice', 'bob']));
    });
  });

  it('starts with a password, and as a cluster node', async () => {
    await using redis = await startRedis({ config: { requirepass: 'secret', 'cluster-enabled': 'yes' } });
    await connected({ url: `redis://:secret@${redis.host}:${redis.port}` }, async (client) => {
      expect(await client.info('cluster')).toContain('cluster_enabled:1');
    });
  });

  it.runIf(isProcess)('tells why a server does not start, with its last lines', async () => {
    const failing = startRedis({ config: { 'no-such-setting': 'yes' } });
    await expect(failing).rejects.toThrow(
      /(redis|valkey)-server did not start: it ended with code 1\n[\s\S]*no-such-setting/,
    );
  });
});

describe('kill and restart', () => {
  it.runIf(isProcess)('kills the server, and brings back an empty one on the same port', async () => {
    await using redis = await startRedis({ fresh: true });
    await connected(redis, (client) => client.set('k', 'v'));
    const { pid, port } = redis;
    await redis.kill();
    expect(isAlive(pid)).toBe(false);
    expect(redis.pid).toBeUndefined();
    expect(await pingRedis(redis)).toBe('silent');
    await redis.kill(); // of a server that is down: nothing

    await redis.restart();
    expect(redis).toMatchObject({ port, pid: expect.any(Number) });
    expect(redis.pid).not.toBe(pid);
    expect(await connected(redis, (client) => client.dbsize())).toBe(0);
  });

  it('keeps the data when it is told to', async () => {
    await using redis = await startRedis({ config: { requirepass: 'secret' } });
    const url = `redis://:secret@${redis.host}:${redis.port}`;
    await connected({ url }, (client) => client.set('k', 'v'));
    await redis.restart({ empty: false });
    expect(await connected({ url }, (client) => client.get('k'))).toBe('v');
    await redis.restart();
    expect(await connected({ url }, (client) => client.get('k'))).toBe(null);
  });

  it('keeps what the append-only file has after a crash', async () => {
    await using redis = await startRedis({ config: { appendonly: 'yes', appendfsync: 'always' } });
    await connected(redis, (client) => client.set('k', 'v'));
    await redis.kill();
    await redis.restart({ empty: false });
    expect(await connected(redis, (client) => client.get('k'))).toBe('v');
  });

  it('pauses and continues the server', async () => {
    await using redis = await startRedis({ fresh: true });
    await redis.kill('SIGSTOP');
    expect(await pingRedis(redis, 100)).toBe('silent');
    await redis.kill('SIGCONT');
    expect(await pingRedis(redis)).toBe('ready');
  });

  it('leaves no listeners behind, however often it was paused', async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error) => void warnings.push(name);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    await using redis = await startRedis({ fresh: true });
    for (let times = 0; times < 12; times++) await redis.kill('SIGCONT');
    await new Promise((resolve) => setImmediate(resolve)); // a warning comes a turn later
    expect(warnings).not.toContain('MaxListenersExceededWarning');
  });
});

describe.runIf(isProcess)('the process that started it', () => {
  async function run(how: string) {
    const script = fileURLToPath(new URL('../test/start-and-wait.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, how], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface(child.stdout), 'line');
    return { child, server: { host: '127.0.0.1', port: JSON.parse(line).port as number } };
  }

  it.each(['exit', 'end'])('takes the server with it when it ends (%s)', async (how) => {
    const { child, server } = await run(how);
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
    await vi.waitFor(async () => expect(await pingRedis(server)).toBe('silent'));
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('takes the server with it when it gets a %s', async (signal) => {
    const { child, server } = await run('wait');
    expect(await pingRedis(server)).toBe('ready');
    child.kill(signal);
    await vi.waitFor(async () => expect(await pingRedis(server)).toBe('silent'), { timeout: 5000 });
  });
});

describe('where it comes from', () => {
  it('is the server of BELFRY_TEST_REDIS_URL, which nobody may break', async () => {
    await using real = await startRedis({ fresh: true });
    vi.stubEnv('BELFRY_TEST_REDIS_URL', `${real.url}/3`);
    const redis = await startRedis();
    expect(redis).toMatchObject({ source: 'url', url: `${real.url}/3`, host: real.host, port: real.port });
    await expect(redis.kill()).rejects.toThrow('BELFRY_TEST_REDIS_URL');
    await expect(redis.restart()).rejects.toThrow('{ fresh: true }');
    await redis.stop();
    expect(await pingRedis(real)).toBe('ready');

    await using fresh = await startRedis({ fresh: true });
    expect(fresh.port).not.toBe(real.port);
    await using configured = await startRedis({ config: { maxmemory: '7mb' } });
    expect(configured.port).not.toBe(real.port);
    await expect(startRedis({ source: 'url', fresh: true })).rejects.toThrow('cannot be fresh');
  });

  it('says so when nothing answers at BELFRY_TEST_REDIS_URL', async () => {
    const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    vi.stubEnv('BELFRY_TEST_REDIS_URL', `redis://127.0.0.1:${port}`);
    await expect(startRedis()).rejects.toThrow(`no Redis answers at 127.0.0.1:${port}`);
    silent.close();
    vi.stubEnv('BELFRY_TEST_REDIS_URL', '');
    await expect(startRedis({ source: 'url' })).rejects.toThrow('BELFRY_TEST_REDIS_URL is not set');
  });

  it('names every way when there is none', async () => {
    vi.stubEnv('BELFRY_TEST_REDIS_URL', '');
    vi.stubEnv('BELFRY_TEST_REDIS_SERVER', '');
    vi.stubEnv('PATH', '/nowhere');
    vi.stubEnv('DOCKER_HOST', 'unix:///nowhere/docker.sock');
    const error: Error = await startRedis().then(
      () => expect.fail('it found one'),
      (reason) => reason,
    );
    expect(error.message.split('\n').slice(1)).toEqual([
      '- url: BELFRY_TEST_REDIS_URL is not set',
      '- binary: no redis-server and no valkey-server in the folders of PATH',
      '- docker: no Docker engine: unix:///nowhere/docker.sock does not exist',
      '- package: this system has no apt-get and dpkg-deb: it is not a Debian or Ubuntu',
    ]);
    expect(error.message).toMatch(/set BELFRY_TEST_REDIS_URL.*redis-server.*Docker.*apt-get/);
  });
});

// Only where there is an apt to ask.
it.runIf(findExecutable(['apt-get']) && findExecutable(['dpkg-deb']))(
  "is the distribution's package, when that is asked for",
  { timeout: 120_000 },
  async () => {
    await using redis = await startRedis({ source: 'package' });
    expect(redis.source).toBe('package');
    const info = await connected(redis, (client) => client.info('server'));
    expect(info).toContain(`executable:${projectCacheDir()}`);
    expect(info).toContain(`process_id:${redis.pid}\r\n`);
  },
);

it.runIf(isProcess)('starts many servers at once', async () => {
  const servers = await Promise.all(Array.from({ length: 8 }, () => startRedis({ fresh: true })));
  expect(new Set(servers.map(({ port }) => port)).size).toBe(8);
  await Promise.all(servers.map((server) => server.stop()));
});
