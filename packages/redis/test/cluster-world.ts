// What the tests of a Redis Cluster share: a Cluster of three primaries with a replica each, and what an operator does to it.
import { type RedisCluster, type RedisNode, startRedis } from '@belfry/testing';
import keySlotOf from 'cluster-key-slot';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import type { RedisTransportOptions } from '../src/index.js';
import { membersKey } from '../src/names.js';
import { until } from './durable-world.js';
import { type Audience, countsOf, placesIn, RINGS } from './outages-audience.js';

/** A connection to one node. */
interface Node {
  readonly server: RedisNode;
  readonly admin: Redis;
  readonly id: string;
}

/** What CLUSTER NODES says of a node. */
interface Seen {
  readonly id: string;
  readonly port: number;
  readonly flags: string;
  readonly primary: string;
  readonly slots: readonly [first: number, last: number][];
}

/** A Cluster that ends with its test. */
export class ClusterWorld {
  readonly cluster: RedisCluster;
  readonly nodes: readonly Node[];
  readonly options: RedisTransportOptions;

  private constructor(cluster: RedisCluster, nodes: readonly Node[], options: RedisTransportOptions) {
    this.cluster = cluster;
    this.nodes = nodes;
    this.options = options;
  }

  static async start(options: RedisTransportOptions = {}): Promise<ClusterWorld> {
    const cluster = await startRedis({ cluster: true });
    onTestFinished(() => cluster.stop());
    const nodes = await Promise.all(cluster.nodes.map(toNode));
    onTestFinished(() => {
      for (const { admin } of nodes) admin.disconnect();
    });
    return new ClusterWorld(cluster, nodes, { url: cluster.url.replace('redis:', 'redis+cluster:'), ...options });
  }

  /** Who serves a channel now, by what any node that is there says. */
  async primaryOf(channel: string): Promise<Node> {
    const slot = keySlotOf(channel);
    const owner = (await this.seen()).find(({ slots }) => slots.some(([first, last]) => first <= slot && slot <= last));
    return this.nodes.find(({ id }) => id === owner?.id) as Node;
  }

  /** The replica of a primary. */
  async replicaOf({ id }: Node): Promise<Node> {
    let replica: Seen | undefined;
    await until(async () => {
      replica = (await this.seen()).find(({ primary, flags }) => primary === id && !flags.includes('fail'));
      return replica !== undefined;
    });
    return this.nodes.find((node) => node.id === replica?.id) as Node;
  }

  /** What the nodes that run know of all of them. */
  async seen(): Promise<Seen[]> {
    for (const { admin, server } of this.nodes) {
      if (server.pid === undefined || admin.status !== 'ready') continue;
      return String(await admin.cluster('NODES'))
        .trim()
        .split('\n')
        .map(toSeen);
    }
    throw new Error('no node is there');
  }

  /**
   * Moves a slot as `redis-cli --cluster reshard` does: https://redis.io/docs/latest/commands/cluster-setslot/
   * @param during what happens while its keys lie partly here, partly there
   */
  async moveSlot(channel: string, during?: () => Promise<unknown>): Promise<void> {
    const slot = keySlotOf(channel);
    const from = await this.primaryOf(channel);
    const primaries = (await this.seen()).filter(({ slots, id }) => slots.length > 0 && id !== from.id);
    const to = this.nodes.find(({ id }) => id === primaries[0]?.id) as Node;
    await to.admin.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    for (let first = true; ; first = false) {
      const keys = (await from.admin.cluster('GETKEYSINSLOT', slot, 1)) as string[];
      if (keys.length === 0) break;
      const { host, port } = to.server;
      await from.admin.call('MIGRATE', host, port, '', 0, 5000, 'KEYS', ...keys);
      if (first) await during?.();
    }
    for (const { admin } of [to, from]) await admin.cluster('SETSLOT', slot, 'NODE', to.id);
    await until(async () => (await this.primaryOf(channel)).id === to.id);
  }

  /** Every subscription of an audience stands once, at whoever serves it, and every instance has its places. */
  async isWhole(audience: Audience, timeout = 20_000): Promise<void> {
    const { shards: expected, channels, rings } = audience.wholeStanding as Record<string, Record<string, unknown>>;
    const wanted = Object.entries(expected as Record<string, number>).filter(([name]) => !name.endsWith(':probe'));
    for (const [name, count] of Object.entries(channels as Record<string, number>))
      if (name.startsWith('belfry:')) wanted.push([name, count]);
    await expect
      .poll(() => this.#standing().catch(String), { timeout, interval: 20 })
      .toEqual({ shards: Object.fromEntries(wanted), rumours: 1, rings });
  }

  async #standing(): Promise<Record<string, unknown>> {
    const shards: Record<string, number> = {};
    let rumours = 0;
    for (const { admin, server, id } of this.nodes) {
      if (server.pid === undefined || admin.status !== 'ready') continue;
      const names = (await admin.call('PUBSUB', 'SHARDCHANNELS')) as string[];
      const counts = countsOf(names.length === 0 ? [] : await admin.call('PUBSUB', 'SHARDNUMSUB', ...names));
      for (const [name, count] of Object.entries(counts)) {
        if (name.endsWith(':probe')) continue;
        const isAtHome = (await this.primaryOf(name)).id === id;
        shards[isAtHome ? name : `${name}, elsewhere`] = (shards[name] ?? 0) + count;
      }
      rumours += countsOf(await admin.pubsub('NUMSUB', 'rumours')).rumours ?? 0;
    }
    const rings = await Promise.all(
      RINGS.map(async (channel) => {
        const ring = await (await this.primaryOf(channel)).admin.hgetall(membersKey(channel));
        return Object.entries(ring).map(([group, places]) => [group, placesIn(places)]);
      }),
    );
    return { shards, rumours, rings };
  }
}

async function toNode(server: RedisNode): Promise<Node> {
  const admin = new Redis(server.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  admin.on('error', () => {}); // it may be killed
  return { server, admin, id: String(await admin.cluster('MYID')) };
}

/** `<id> <host:port@bus> <flags> <primary> … <slots>` https://redis.io/docs/latest/commands/cluster-nodes/ */
function toSeen(line: string): Seen {
  const [id = '', address = '', flags = '', primary = '', , , , , ...slots] = line.split(' ');
  const [, port = ''] = /:(\d+)@/.exec(address) ?? [];
  return {
    id,
    port: Number(port),
    flags,
    primary,
    slots: slots
      .filter((range) => !range.startsWith('['))
      .map((range) => {
        const [first = '', last = first] = range.split('-');
        return [Number(first), Number(last)];
      }),
  };
}
