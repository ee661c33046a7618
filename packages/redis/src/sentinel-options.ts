import type { RedisOptions } from 'ioredis';
import type { RedisTransportOptions } from './options.js';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.js';

/** Everything that ioredis has to know, where Sentinels are asked. Undefined: none are. */
export function sentinelOptionsOf({ url, redis, client }: RedisTransportOptions): RedisOptions | undefined {
  const given = client?.options ?? (url !== undefined && isSentinelUrl(url) ? fromUrl(url, redis) : redis);
  if (!given?.sentinels?.length) return undefined;
  // Without it ioredis would speak to Redis without TLS, whatever `tls` says, and not tell.
  return { enableTLSForSentinelMode: Boolean(given.tls), ...given };
}

/** What is wrong with the options of ioredis, as far as they concern Sentinels. */
export function mistakesOfSentinels({ url, redis, cluster }: RedisTransportOptions): string[] {
  const { sentinels, name } = redis ?? {};
  if (sentinels === undefined || sentinels === null) return [];
  const mistakes: string[] = [];
  if (!Array.isArray(sentinels) || sentinels.length === 0)
    mistakes.push("redis.sentinels must be a list, like [{ host: 'sentinel-1', port: 26379 }]");
  if (typeof name !== 'string' || name === '')
    mistakes.push("redis.name must say what the Sentinels call the primary, like 'mymaster'");
  if (typeof url === 'string' && !isSentinelUrl(url))
    mistakes.push('redis.sentinels goes without a url, or with one that begins with redis+sentinel://');
  if (cluster !== undefined) mistakes.push('redis.sentinels and cluster exclude one another');
  return mistakes;
}

/** For messages: whom one asks, and for what. */
export const sentinelAddress = ({ sentinels = [], name }: RedisOptions): string =>
  `${name} (Sentinels ${sentinels.map(({ host, port }) => `${host}:${port ?? 26379}`).join(', ')})`;

function fromUrl(url: string, redis: RedisOptions | undefined): RedisOptions {
  const { options } = parseSentinelUrl(url);
  // Whom to trust is most often the same for both.
  const sentinelTLS = options.sentinelTLS && redis?.tls ? { sentinelTLS: redis.tls } : {};
  return { ...options, ...sentinelTLS, ...redis };
}
