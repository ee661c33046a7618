import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { delayCountsKey } from './delay-counts.js';
import { Traces } from './traces.js';

const redisUrl = process.env.BELFRY_TEST_REDIS_URL ?? '';
const [mine, other] = ['traces-mine', 'traces-mine2'];
const countsOf = (namespace: string): string => delayCountsKey(`${namespace}:flights.delayed`);

let redis: Redis;
beforeAll(() => {
  redis = new Redis(redisUrl);
});
afterAll(async () => {
  await redis.unlink(countsOf(other));
  redis.disconnect();
});

it('reads what was counted, and removes it with everything else of the run, and nothing of others', async () => {
  await redis.hset(countsOf(mine), { 'ORD 2001-01-05': 2, 'HNL 2001-01-01': 1 });
  await redis.set(`belfry:{${mine}:flights.delayed}:log`, 'and so on');
  await redis.hset(countsOf(other), { 'ORD 2001-01-05': 1 });
  {
    await using traces = new Traces(redisUrl, mine);
    expect(await traces.delayCounts()).toEqual({ 'ORD 2001-01-05': 2, 'HNL 2001-01-01': 1 });
  }
  expect(await redis.keys('*{traces-mine*')).toEqual([countsOf(other)]);
});

it('says what is left when Redis is gone', async () => {
  const say = vi.spyOn(console, 'error').mockImplementation(() => {});
  await new Traces('redis://127.0.0.1:1', 'flights-1')[Symbol.asyncDispose]();
  expect(say).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^What the run has left in Redis, as flights-1,/));
  say.mockRestore();
});
