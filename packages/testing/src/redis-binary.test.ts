import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { findRedisCli } from './redis-binary.js';
import { startRedis } from './redis-server.js';

it('finds a redis-cli that works', async () => {
  await using redis = await startRedis();
  const { command, env } = await findRedisCli();
  const { stdout } = await promisify(execFile)(command, ['-u', redis.url, 'ping'], { env });
  expect(stdout).toBe('PONG\n');
});
