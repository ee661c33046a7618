import type { Redis } from 'ioredis';

/**
 * The policy by which the server throws keys away when its memory is full, if it would. The rings are keys: where they can be evicted, a
 * group may be out of its ring until its next stamp. https://redis.io/docs/latest/develop/reference/eviction
 */
export async function evictionPolicy(client: Redis): Promise<string | undefined> {
  const memory = await client.info('memory').catch(() => ''); // without the right to ask, nothing is known
  const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  return limit > 0 && policy !== 'noeviction' ? policy : undefined;
}
