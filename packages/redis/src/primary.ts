import type { Redis } from 'ioredis';
import { isRefusal, isReplica } from './failure.js';
import { isNode, primaryScript } from './scripts.js';

/**
 * Asks a server whether it is a primary, without the right to read INFO. Nodes of a Cluster are not asked: they say of each slot who serves it.
 * @throws ReplyError `READONLY` when it is a replica, after which the {@link Connection} leaves it; what it says else means nothing
 */
export async function askWhetherPrimary(client: Redis): Promise<void> {
  if (isNode(client)) return;
  try {
    await client.eval(primaryScript.text, 0);
  } catch (error) {
    if (isReplica(error) || !isRefusal(error)) throw error;
  }
}
