import { BelfryError, type Duration, isDuration, toMilliseconds, unknownOptions } from '@belfry/contracts';
import { Redis, type RedisOptions } from 'ioredis';
import { type ClusterSeeds, isClusterUrl, readClusterUrl, readNodes, translator } from './cluster-nodes.js';
import { Connector } from './connector.js';
import { markAsNode } from './scripts.js';
import { SentinelLookup } from './sentinel-lookup.js';
import { mistakesOfSentinels, sentinelAddress, sentinelOptionsOf } from './sentinel-options.js';
import { attendSocket } from './sockets.js';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.js';
import type { Address } from './server.js';
import { nameOf } from './slot-map.js';

/** How to reach Redis, and how patient to be with it. */
export interface RedisTransportOptions {
  /**
   * `redis://user:password@host:port/db`, or `rediss://` for TLS. Of a Cluster: `redis+cluster://user:password@host:port,host:port`, or `rediss+cluster://`.
   * Sentinels are asked where the primary is with `redis+sentinel://user:password@host:26379,host:26379/mymaster?db=0`, or `rediss+sentinel://`; who one is
   * for them, `redis` says (`sentinelUsername`, `sentinelPassword`).
   */
  readonly url?: string;
  /** Instead of a URL, or on top of it: options of ioredis. Those that decide about reconnecting, queueing and resending are Belfry's. */
  readonly redis?: RedisOptions;
  /** Instead of a URL: a Redis Cluster, by some of its nodes. Options for all of its nodes stand in `redis`. */
  readonly cluster?: ClusterNodes;
  /** Instead of all these: a client whose options are used. Belfry makes connections of its own, and leaves this one as it is. */
  readonly client?: Redis;
  /** How long a publish waits while Redis is away; then it is rejected with `TRANSPORT_UNAVAILABLE`. @default '5s' */
  readonly patience?: Duration;
  /** The same for a subscription, and so for the start of a service; `'forever'` waits until Redis is there. @default '4s' */
  readonly subscribePatience?: Duration | 'forever';
  /**
   * Between two signs of life; a probe goes round through Redis twice as often. A dead connection is noticed after one and a half at the latest; a
   * place in a group is removed by the others less than three after its last sign of life. Give it the same value everywhere. @default '5s'
   */
  readonly heartbeat?: Duration;
}

/** A Redis Cluster. */
export interface ClusterNodes {
  /** Some of its nodes, like `10.0.0.1:6379`; the others are found by them. */
  readonly nodes: readonly string[];
  /**
   * Where the nodes are reached from here, if that is elsewhere than they tell one another, as from outside of a network of containers:
   * `{ '172.20.0.3:6379': '127.0.0.1:7003' }`. @default {}
   */
  readonly natMap?: Readonly<Record<string, string>>;
}

export interface ResolvedRedisOptions {
  /**
   * Makes a client that connects once, and never again by itself.
   * @param node which node of a Cluster it is for
   */
  readonly connect: (name: string, node?: Address) => Redis;
  /** Of a Cluster: nodes to ask first, and where a node is reached by the address that it tells. Absent: it is one server. */
  readonly cluster:
    | { readonly seeds: readonly Address[]; readonly translate: (address: Address) => Address }
    | undefined;
  /** For messages: no user, no password. */
  readonly address: string;
  readonly patience: number;
  readonly subscribePatience: number;
  readonly heartbeat: number;
}

/** @throws BelfryError `OPTION_INVALID`, listing every mistake; never with the URL's password */
export function resolveRedisOptions(options: RedisTransportOptions): ResolvedRedisOptions {
  const { url, redis, client, cluster, patience = '5s', subscribePatience = '4s', heartbeat = '5s' } = options ?? {};
  const known = ['url', 'redis', 'cluster', 'client', 'patience', 'subscribePatience', 'heartbeat'];
  const mistakes = unknownOptions(options ?? {}, known);
  if (client !== undefined && (url !== undefined || redis !== undefined || cluster !== undefined))
    mistakes.push('client excludes url, redis and cluster');
  if (cluster !== undefined && url !== undefined) mistakes.push('cluster excludes url');
  if (client === undefined && url === undefined && redis === undefined && cluster === undefined)
    mistakes.push('one of url, redis, cluster and client must be given');
  if (client !== undefined && typeof client?.duplicate !== 'function')
    mistakes.push('client must be a client of ioredis');
  else if (client?.isCluster === true)
    mistakes.push("client must be that of one server; for a Cluster give its nodes: cluster: { nodes: ['host:port'] }");
  if (redis !== undefined && (typeof redis !== 'object' || redis === null))
    mistakes.push('redis must be options of ioredis');
  const nodes = nodesOf(url, cluster, mistakes);
  if (url !== undefined && nodes === undefined) mistakes.push(...mistakesOfUrl(url));
  mistakes.push(...mistakesOfSentinels(options ?? {}));
  if (nodes !== undefined && redis?.db !== undefined && redis.db !== 0)
    mistakes.push('a Cluster has only database 0: tell environments apart by the namespace');
  if (!isDuration(patience)) mistakes.push("patience must be a duration, like '5s'");
  if (!isDuration(heartbeat) || toMilliseconds(heartbeat) < 10)
    mistakes.push("heartbeat must be a duration of 10 ms or more, like '5s'");
  if (subscribePatience !== 'forever' && !isDuration(subscribePatience)) {
    mistakes.push("subscribePatience must be a duration, like '4s', or 'forever'");
  }
  if (mistakes.length > 0)
    throw new BelfryError('OPTION_INVALID', { message: `redisTransport: ${mistakes.join('; ')}.` });

  const sentinel = nodes === undefined ? sentinelOptionsOf(options) : undefined;
  const make = (name: string, node?: Address): Redis => {
    const given = (client?.options ?? redis)?.Connector;
    const rules = { ...ownRules, connectionName: name, Connector: sentinel ? SentinelLookup : (given ?? Connector) };
    if (client !== undefined) return client.duplicate(rules);
    if (nodes !== undefined) return toNode({ ...nodes.login, ...redis, ...node, ...rules });
    if (sentinel !== undefined) return new Redis({ ...sentinel, ...rules });
    return url === undefined ? new Redis({ ...redis, ...rules }) : new Redis(url, { ...redis, ...rules });
  };
  return {
    connect: (name, node) => attendSocket(make(name, node)),
    cluster: nodes && { seeds: nodes.seeds, translate: translator(cluster?.natMap ?? {}) },
    address: nodes === undefined ? addressOf(options) : nodes.seeds.map(nameOf).join(','),
    patience: toMilliseconds(patience),
    subscribePatience: subscribePatience === 'forever' ? Number.POSITIVE_INFINITY : toMilliseconds(subscribePatience),
    heartbeat: toMilliseconds(heartbeat),
  };
}

/** The nodes of a Cluster that a URL or the option names; `undefined`: it is none. */
function nodesOf(url: unknown, cluster: unknown, mistakes: string[]): ClusterSeeds | undefined {
  if (isClusterUrl(url)) return readClusterUrl(url, mistakes);
  return cluster === undefined ? undefined : readNodes(cluster, mistakes);
}

/** A client whose server is a node of a Cluster. */
function toNode(options: RedisOptions): Redis {
  const client = new Redis(options);
  markAsNode(client);
  return client;
}

/** Each client lives for one connection, and hides nothing: see connection.ts. */
const ownRules = {
  lazyConnect: true,
  retryStrategy: () => null,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  enableAutoPipelining: false,
  keyPrefix: '', // the namespace is Belfry's own: a prefix would separate keys, but not channels
  protocol: 2, // RESP3 gains nothing here, and its decoder takes longer
  disableClientInfo: true, // CLIENT SETINFO is an error before Redis 7.2
  connectTimeout: 4000,
  disconnectTimeout: 500,
  monitor: false,
  commandTimeout: undefined, // the heartbeat and the patience decide how long is too long
  socketTimeout: undefined,
  reconnectOnError: null,
} as const;

function mistakesOfUrl(url: unknown): string[] {
  const example = 'like redis://127.0.0.1:6379';
  if (typeof url === 'string' && isSentinelUrl(url)) return [...parseSentinelUrl(url).mistakes];
  if (typeof url !== 'string' || !URL.canParse(url)) return [`url is no URL; it must be ${example}`];
  const { protocol, hostname, pathname } = new URL(url);
  const mistakes: string[] = [];
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    mistakes.push(
      `url begins with ${protocol}; it must be ${example}, or rediss:// for TLS, redis+cluster:// for a Cluster, or redis+sentinel:// for Sentinels`,
    );
  if (hostname === '') mistakes.push(`url names no host; it must be ${example}`);
  if (!/^(\/\d*)?$/.test(pathname)) mistakes.push('url ends in something that is no database number');
  return mistakes;
}

function addressOf(options: RedisTransportOptions): string {
  const { url, redis, client } = options;
  const sentinel = sentinelOptionsOf(options);
  if (sentinel !== undefined) return sentinelAddress(sentinel);
  if (url !== undefined) {
    const { hostname, port } = new URL(url);
    return `${hostname}:${port || 6379}`;
  }
  const { path, host = '127.0.0.1', port = 6379 } = client?.options ?? redis ?? {};
  return path ?? `${host}:${port}`;
}
