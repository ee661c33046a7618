import { afterEach, expect, it, vi } from 'vitest';
import { redisForTests } from './redis-for-tests.js';
import { pingRedis } from './redis-ping.js';
import { startRedis } from './redis-server.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('starts one server that startRedis then finds, and stops it', async () => {
  vi.stubEnv('BELFRY_TEST_REDIS_URL', undefined);
  const teardown = await redisForTests();
  const redis = await startRedis();
  expect(redis).toMatchObject({ source: 'url', url: process.env.BELFRY_TEST_REDIS_URL });
  await teardown();
  expect(process.env.BELFRY_TEST_REDIS_URL).toBeUndefined();
  expect(await pingRedis(redis)).toBe('silent');
});

it('leaves a server alone that was given', async () => {
  await using redis = await startRedis({ fresh: true });
  vi.stubEnv('BELFRY_TEST_REDIS_URL', redis.url);
  const teardown = await redisForTests();
  await teardown();
  expect(process.env.BELFRY_TEST_REDIS_URL).toBe(redis.url);
  expect(await pingRedis(redis)).toBe('ready');
});
