import { type RedisNode, startRedis } from '@belfry/testing';
import { createBus, defineEvent, redisTransport, silentLogger } from 'belfry';
import { Redis } from 'ioredis';
import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { onACluster } from './cluster.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ n: z.number() }) });

it('a Cluster, by options and by URL', async () => {
  await using redis = await startRedis({ cluster: true });
  const [first, second] = redis.nodes as [RedisNode, RedisNode];
  for (const { url } of redis.nodes) {
    const admin = new Redis(url);
    await admin.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all');
    admin.disconnect();
  }
  const natMap = { [`127.0.0.1:${second.port}`]: `localhost:${second.port}` };
  const byOptions = onACluster([`127.0.0.1:${first.port}`], natMap, 'secret');
  const byUrl = redisTransport({ url: first.url.replace('redis://', 'redis+cluster://app:secret@') });
  for (const transport of [byOptions, byUrl]) {
    await using bus = createBus({ name: 'billing', transport, logger: silentLogger });
    const noted: number[] = [];
    await bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n));
    await bus.publish(OrderPlaced, { n: 1 });
    await vi.waitFor(() => expect(noted).toEqual([1]));
  }
});
