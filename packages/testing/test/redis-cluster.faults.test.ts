import { Cluster, Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { startRedis } from '../src/index.js';

it('a Cluster serves all slots, and goes on with a replica when a primary dies', { timeout: 60_000 }, async () => {
  await using cluster = await startRedis({ cluster: true });
  expect(cluster.nodes.map(({ role }) => role)).toEqual([
    'primary',
    'primary',
    'primary',
    'replica',
    'replica',
    'replica',
  ]);
  const client = new Cluster([cluster.url], { clusterRetryStrategy: () => 50 });
  client.on('error', () => {});
  const keys = Array.from({ length: 30 }, (_, n) => `key-${n}`);
  for (const key of keys) await client.set(key, key);
  client.disconnect();

  const [first, second] = cluster.nodes;
  const look = new Redis(second!.url);
  await first!.kill();
  expect(first!.pid).toBeUndefined();
  // Its replica has taken over.
  await expect
    .poll(async () => look.cluster('INFO'), { timeout: 20_000, interval: 50 })
    .toContain('cluster_slots_fail:0');
  await expect.poll(async () => look.cluster('NODES'), { timeout: 20_000, interval: 50 }).toMatch(/ master,fail .*\n?/);
  await expect.poll(async () => look.cluster('INFO'), { timeout: 20_000, interval: 50 }).toContain('cluster_state:ok');
  await first!.restart();
  expect(first!.pid).toBeGreaterThan(0);
  look.disconnect();
});
