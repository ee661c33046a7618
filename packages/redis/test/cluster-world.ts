// What the tests of a Redis Cluster share: a Cluster of three primaries with a replica each, and what an operator does to it.
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisCluster, type RedisConfig, type RedisNode, startRedis } from '@belfry/testing';
import keySlotOf from 'cluster-key-slot';
import { Redis, type RedisOptions } from 'ioredis';
import { expect, vi } from 'vitest';
import type { RedisTransportOptions } from '../src/index.js';
import { membersKey } from '../src/names.js';
import { until } from './durable-world.js';
import { type Audience, countsOf, placesIn, RINGS } from './outages-audience.js';

/** A connection to one node. */
export interface Node {
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

/** So long a node is silent until the others take it for dead, in milliseconds: less than usual, so that tests wait less. */
const NODE_TIMEOUT = '1000';

/** How a slot is moved. */
export interface SlotMove {
  /** The keys that go first. Default: one of them. */
  readonly first?: (key: string) => boolean;
  /** What happens while its keys lie partly here, partly there. */
  readonly halfway?: () => Promise<unknown>;
}

/** A Cluster, what leads a transport to it, and what an operator does to it. */
export class ClusterWorld {
  readonly cluster: RedisCluster;
  readonly nodes: readonly Node[];
  readonly options: RedisTransportOptions;

  private constructor(cluster: RedisCluster, nodes: readonly Node[], options: RedisTransportOptions) {
    this.cluster = cluster;
    this.nodes = nodes;
    this.options = options;
  }

  /** @param options of the transports, beside the URL and what TLS takes */
  static async start(
    options: RedisTransportOptions = {},
    config: RedisConfig = {},
    tls: 'mutual' | false = false,
  ): Promise<ClusterWorld> {
    const cluster = await startRedis({
      cluster: true,
      tls,
      config: { 'cluster-node-timeout': NODE_TIMEOUT, ...config },
    });
    const redis = tls ? { tls: { ca: cluster.ca, ...cluster.clientCertificate } } : {};
    const nodes = await Promise.all(cluster.nodes.map((server) => toNode(server, redis)));
    return new ClusterWorld(cluster, nodes, { url: cluster.url.replace('://', '+cluster://'), redis, ...options });
  }

  async stop(): Promise<void> {
    for (const { admin } of this.nodes) admin.disconnect();
    await this.cluster.stop();
  }

  /** The nodes that run, whole again and empty: three primaries, each with a replica that has all of its data. */
  async mend(): Promise<void> {
    for (const { server } of this.nodes) {
      if (server.pid === undefined) await server.restart();
      else await server.kill('SIGCONT');
    }
    await until(async () => {
      const views = await Promise.all(this.nodes.map(({ admin }) => admin.cluster('NODES').then(String)));
      const states = await Promise.all(this.nodes.map(({ admin }) => admin.cluster('INFO').then(String)));
      const isWell = (view: string) => {
        const seen = view.trim().split('\n').map(toSeen);
        const primaries = seen.filter(({ slots }) => slots.length > 0);
        const followed = new Set(seen.map(({ primary }) => primary));
        return primaries.length === 3 && primaries.every(({ id }) => followed.has(id)) && !/fail|handshake/.test(view);
      };
      return views.every(isWell) && states.every((state) => state.includes('cluster_state:ok'));
    }, 20_000);
    for (const primary of await this.primaries()) await primary.admin.flushall();
    await until(async () => (await Promise.all(this.nodes.map(isInSync))).every(Boolean), 20_000);
  }

  /** Those that serve slots, by what any node that is there says. */
  async primaries(): Promise<Node[]> {
    const serving = new Set((await this.seen()).filter(({ slots }) => slots.length > 0).map(({ id }) => id));
    return this.nodes.filter(({ id }) => serving.has(id));
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

  /** Lets the replica of a primary take over, as for a planned restart. */
  async handOver(primary: Node): Promise<void> {
    const replica = await this.replicaOf(primary);
    const isDone = async () => (await this.primaries()).includes(replica);
    await until(async () => {
      // A replica that is not in sync yet does nothing, and does not say so.
      await replica.admin.cluster('FAILOVER').catch(() => {});
      return vi.waitUntil(isDone, { timeout: 500, interval: 10 }).catch(() => false);
    }, 15_000);
  }

  /** Resolves once the replica of a primary that is away has taken over. */
  async takenOver(replica: Node): Promise<void> {
    await until(async () => (await this.primaries()).includes(replica), 20_000);
  }

  /** What the nodes that run know of all of them. */
  async seen(): Promise<Seen[]> {
    for (const { admin, server } of this.nodes) {
      if (server.pid === undefined || admin.status !== 'ready') continue;
      const silence = sleep(300, undefined, { ref: false }); // it may stand still
      const nodes = await Promise.race([admin.cluster('NODES').catch(() => {}), silence]);
      if (nodes !== undefined) return String(nodes).trim().split('\n').map(toSeen);
    }
    throw new Error('no node is there');
  }

  /** Moves a slot as `redis-cli --cluster reshard` does: https://redis.io/docs/latest/commands/cluster-setslot/ */
  async moveSlot(channel: string, { first, halfway }: SlotMove = {}): Promise<void> {
    const slot = keySlotOf(channel);
    const from = await this.primaryOf(channel);
    const to = (await this.primaries()).find(({ id }) => id !== from.id) as Node;
    await to.admin.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    const keysLeft = async () => (await from.admin.cluster('GETKEYSINSLOT', slot, 1000)) as string[];
    const migrate = async (keys: readonly string[]) => {
      const { host, port } = to.server;
      if (keys.length > 0) await from.admin.call('MIGRATE', host, port, '', 0, 5000, 'KEYS', ...keys);
    };
    const keys = await keysLeft();
    await migrate(first === undefined ? keys.slice(0, 1) : keys.filter(first));
    await halfway?.();
    for (let rest = await keysLeft(); rest.length > 0; rest = await keysLeft()) await migrate(rest);
    for (const { admin } of [to, from]) await admin.cluster('SETSLOT', slot, 'NODE', to.id);
    await until(async () => (await this.primaryOf(channel)).id === to.id);
  }

  /** Every subscription of an audience stands once, at whoever serves it, and every instance has its places. */
  async isWhole(audience: Audience, timeout = 20_000): Promise<void> {
    const { shards: expected, channels, rings } = audience.wholeStanding as Record<string, Record<string, unknown>>;
    const wanted = Object.entries(expected as Record<string, number>).filter(([name]) => !name.endsWith(':probe'));
    for (const [name, count] of Object.entries(channels as Record<string, number>))
      if (name.startsWith('belfry:')) wanted.push([name, count]);
    const tags = new Set(wanted.map(([name]) => tagOf(name)));
    await expect
      .poll(() => this.#standing(tags).catch(String), { timeout, interval: 20 })
      .toEqual({ shards: Object.fromEntries(wanted), rumours: 1, rings });
  }

  /** @param tags the hash tags of what is looked at: others may be there, too */
  async #standing(tags: ReadonlySet<string>): Promise<Record<string, unknown>> {
    const shards: Record<string, number> = {};
    let rumours = 0;
    for (const { admin, server, id } of this.nodes) {
      if (server.pid === undefined || admin.status !== 'ready') continue;
      const names = (await admin.call('PUBSUB', 'SHARDCHANNELS')) as string[];
      const counts = countsOf(names.length === 0 ? [] : await admin.call('PUBSUB', 'SHARDNUMSUB', ...names));
      for (const [name, count] of Object.entries(counts)) {
        if (!tags.has(tagOf(name)) || name.endsWith(':probe')) continue;
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

async function toNode(server: RedisNode, options: RedisOptions): Promise<Node> {
  const admin = new Redis(server.url, { ...options, retryStrategy: () => 100, maxRetriesPerRequest: null });
  admin.on('error', () => {}); // it may be killed
  return { server, admin, id: String(await admin.cluster('MYID')) };
}

const tagOf = (name: string): string => name.slice(0, name.indexOf('}'));

/** A primary, or a replica that has all that its primary has. */
const isInSync = async ({ admin }: Node): Promise<boolean> =>
  !/role:slave.*master_(link_status:down|sync_in_progress:1)/s.test(await admin.info('replication'));

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
