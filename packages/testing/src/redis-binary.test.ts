import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it, onTestFinished, vi } from 'vitest';
import { findRedisCli, installedRedisServer } from './redis-binary.js';
import { startRedis } from './redis-server.js';

it('finds a redis-cli that works', async () => {
  await using redis = await startRedis();
  const { command, env } = await findRedisCli();
  const { stdout } = await promisify(execFile)(command, ['-u', redis.url, 'ping'], { env });
  expect(stdout).toBe('PONG\n');
});

it('runs the program that was chosen, and no other', async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  const { command } = installedRedisServer();
  vi.stubEnv('BELFRY_TEST_REDIS_SERVER', command); // by its path
  expect(installedRedisServer()).toMatchObject({ command });
  vi.stubEnv('BELFRY_TEST_REDIS_SERVER', 'no-such-server');
  expect(() => installedRedisServer()).toThrow('no no-such-server in the folders of PATH');
  await expect(startRedis({ fresh: true })).rejects.toThrow('no no-such-server in the folders of PATH');
  await expect(startRedis({ program: 'nor-such-a-server' })).rejects.toThrow('no nor-such-a-server');
  await using redis = await startRedis({ program: command });
  expect(redis.source).toBe('binary');
});
