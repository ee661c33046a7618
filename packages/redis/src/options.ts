import { BelfryError, type Duration, isDuration, toMilliseconds } from '@belfry/contracts';
import { Redis, type RedisOptions } from 'ioredis';

/** How to reach Redis, and how patient to be with it. */
export interface RedisTransportOptions {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url?: string;
  /** Instead of a URL, or on top of it: options of ioredis. Those that decide about reconnecting, queueing and resending are Belfry's. */
  readonly redis?: RedisOptions;
  /** Instead of both: a client whose options are used. Belfry makes connections of its own, and leaves this one as it is. */
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

export interface ResolvedRedisOptions {
  /** Makes a client that connects once, and never again by itself. */
  readonly connect: (name: string) => Redis;
  /** For messages: no user, no password. */
  readonly address: string;
  readonly patience: number;
  readonly subscribePatience: number;
  readonly heartbeat: number;
}

/** @throws BelfryError `OPTION_INVALID`, listing every mistake; never with the URL's password */
export function resolveRedisOptions(options: RedisTransportOptions): ResolvedRedisOptions {
  const { url, redis, client, patience = '5s', subscribePatience = '4s', heartbeat = '5s' } = options ?? {};
  const mistakes: string[] = [];
  const known = ['url', 'redis', 'client', 'patience', 'subscribePatience', 'heartbeat'];
  for (const key of Object.keys(options ?? {})) {
    if (!known.includes(key)) mistakes.push(`${JSON.stringify(key)} is no option (there are ${known.join(', ')})`);
  }
  if (client !== undefined && (url !== undefined || redis !== undefined))
    mistakes.push('client excludes url and redis');
  if (client === undefined && url === undefined && redis === undefined)
    mistakes.push('one of url, redis and client must be given');
  if (client !== undefined && typeof client?.duplicate !== 'function')
    mistakes.push('client must be a client of ioredis');
  if (redis !== undefined && (typeof redis !== 'object' || redis === null))
    mistakes.push('redis must be options of ioredis');
  if (url !== undefined) mistakes.push(...mistakesOfUrl(url));
  if (!isDuration(patience)) mistakes.push("patience must be a duration, like '5s'");
  if (!isDuration(heartbeat) || toMilliseconds(heartbeat) < 10)
    mistakes.push("heartbeat must be a duration of 10 ms or more, like '5s'");
  if (subscribePatience !== 'forever' && !isDuration(subscribePatience)) {
    mistakes.push("subscribePatience must be a duration, like '4s', or 'forever'");
  }
  if (mistakes.length > 0)
    throw new BelfryError('OPTION_INVALID', { message: `redisTransport: ${mistakes.join('; ')}.` });

  const connect = (name: string): Redis => {
    const rules = { ...ownRules, connectionName: name };
    if (client !== undefined) return client.duplicate(rules);
    return url === undefined ? new Redis({ ...redis, ...rules }) : new Redis(url, { ...redis, ...rules });
  };
  return {
    connect,
    address: addressOf(options),
    patience: toMilliseconds(patience),
    subscribePatience: subscribePatience === 'forever' ? Number.POSITIVE_INFINITY : toMilliseconds(subscribePatience),
    heartbeat: toMilliseconds(heartbeat),
  };
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
  if (typeof url !== 'string' || !URL.canParse(url)) return [`url is no URL; it must be ${example}`];
  const { protocol, hostname, pathname } = new URL(url);
  const mistakes: string[] = [];
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    mistakes.push(`url begins with ${protocol}; it must be ${example}, or rediss:// for TLS`);
  if (hostname === '') mistakes.push(`url names no host; it must be ${example}`);
  if (!/^(\/\d*)?$/.test(pathname)) mistakes.push('url ends in something that is no database number');
  return mistakes;
}

function addressOf({ url, redis, client }: RedisTransportOptions): string {
  if (url !== undefined) {
    const { hostname, port } = new URL(url);
    return `${hostname}:${port || 6379}`;
  }
  const { path, host = '127.0.0.1', port = 6379 } = client?.options ?? redis ?? {};
  return path ?? `${host}:${port}`;
}
