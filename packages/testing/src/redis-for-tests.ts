import { startRedis } from './redis-server.js';

/**
 * For a vitest `globalSetup` file: one Redis that all test files share, which {@link startRedis} finds in the workers
 * because `BELFRY_TEST_REDIS_URL` names it. When that is set already, its server is used.
 * ```ts
 * export { redisForTests as setup } from '@belfry/testing';
 * ```
 * @returns what to call when all tests are done: it stops the server, if this has started it.
 * @throws Error as {@link startRedis} does.
 */
export async function redisForTests(): Promise<() => Promise<void>> {
  const redis = await startRedis();
  if (redis.source === 'url') return async () => undefined;
  process.env.BELFRY_TEST_REDIS_URL = redis.url;
  return async () => {
    delete process.env.BELFRY_TEST_REDIS_URL;
    await redis.stop();
  };
}
