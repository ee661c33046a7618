import { existsSync } from 'node:fs';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startRedis } from './redis-server.js';

const until = (fact: () => boolean | Promise<boolean>) => vi.waitUntil(fact, { timeout: 20_000, interval: 20 });

/** Asks one server whom it follows. */
function connect(url: string, password = 'secret'): Redis {
  const redis = new Redis(url, { password });
  redis.on('error', () => {});
  onTestFinished(() => redis.disconnect());
  return redis;
}

it('is a primary and a replica that Sentinels watch: one that is killed is replaced', async () => {
  const redis = await startRedis({ sentinel: true, config: { requirepass: 'secret' } });
  onTestFinished(() => redis.stop());
  const { nodes, sentinels, name, url } = redis;
  expect(sentinels).toHaveLength(3);
  expect(url).toBe(`redis+sentinel://:secret@${sentinels.map(({ port }) => `127.0.0.1:${port}`).join()}/${name}`);
  expect(nodes.map(({ role }) => role)).toEqual(['primary', 'replica']);
  expect(await redis.primary()).toBe(nodes[0]);
  expect((await connect(nodes[0].url).role())[0]).toBe('master');
  expect((await connect(nodes[1].url).role())[0]).toBe('slave');

  const { pid } = nodes[0];
  await nodes[0].kill();
  expect(existsSync(`/proc/${pid}/stat`)).toBe(false);
  await until(async () => (await redis.primary().catch(() => undefined)) === nodes[1]);
  const promoted = connect(nodes[1].url);
  await until(async () => (await promoted.role())[0] === 'master');

  await sentinels[0]?.kill();
  expect(sentinels[0]?.pid).toBeUndefined();
  expect(await redis.primary()).toBe(nodes[1]); // the other two know
  await redis.stop();
  expect([...nodes, ...sentinels].map((each) => each.pid)).toEqual(Array(5).fill(undefined));
});
