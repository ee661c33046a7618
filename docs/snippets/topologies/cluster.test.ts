import { startRedis } from '@belfry/testing';
import { createBus, defineEvent, redisTransport, silentLogger } from 'belfry';
import { Redis } from 'ioredis';
import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { onACluster } from './cluster.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ n: z.number() }) });

it('a Cluster, by options and by URL', async () => {
  await using redis = await startRedis({ fresh: true, config: { 'cluster-enabled': 'yes' } });
  const admin = new Redis(redis.url);
  await admin.cluster('ADDSLOTSRANGE', 0, 16_383); // all of them: one node is enough to be a Cluster
  await admin.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all');
  await vi.waitFor(async () => expect(await admin.cluster('INFO')).toContain('cluster_state:ok'), { timeout: 10_000 });
  admin.disconnect();
  const { host } = new URL(redis.url);
  const natMap = { [host]: host.replace('127.0.0.1', 'localhost') };
  const byOptions = onACluster([host], natMap, 'secret');
  const byUrl = redisTransport({ url: `redis+cluster://app:secret@${host}` });
  for (const transport of [byOptions, byUrl]) {
    await using bus = createBus({ name: 'billing', transport, logger: silentLogger });
    const noted: number[] = [];
    await bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n));
    await bus.publish(OrderPlaced, { n: 1 });
    await vi.waitFor(() => expect(noted).toEqual([1]));
  }
});
