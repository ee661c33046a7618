import { BelfryError } from '@belfry/contracts';
import type { Redis } from 'ioredis';

/**
 * The policy by which the server throws keys away when its memory is full, if it would. The rings are keys: where they can be evicted, a
 * group may be out of its ring until its next stamp. https://redis.io/docs/latest/develop/reference/eviction
 */
export async function evictionPolicy(client: Redis): Promise<string | undefined> {
  const memory = await client.info('memory').catch(() => ''); // without the right to ask, nothing is known
  const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  if (policy?.startsWith('allkeys-')) unsafe.set(client, policy);
  else unsafe.delete(client);
  return limit > 0 && policy !== 'noeviction' ? policy : undefined;
}

/** Connections to servers that would throw whole logs away, also when no limit is set yet. */
const unsafe = new WeakMap<Redis, string>();

/** @throws BelfryError `EVICTION_UNSAFE` for durable events on a server that evicts any key */
export function refuseEviction(client: Redis): void {
  const policy = unsafe.get(client);
  if (policy === undefined) return;
  throw new BelfryError('EVICTION_UNSAFE', {
    message: `this Redis has maxmemory-policy ${policy}: when its memory is full it throws logs of durable events away.`,
    hint: 'Set maxmemory-policy to noeviction (CONFIG SET, or redis.conf), then connect again.',
  });
}
