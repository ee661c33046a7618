import { BelfryError } from '@belfry/contracts';
import type { TransportFactory } from '@belfry/core';
import { memoryTransport } from '@belfry/core/memory';
import { redisTransport } from '@belfry/redis';

/** What is done when nobody answers at the URL: `fail` within seconds, or `wait` until somebody does. */
export type Startup = 'fail' | 'wait';

/**
 * The transport behind a URL: `memory:` and `memory:name` stay within this process, `redis://` and `rediss://` (TLS) are a Redis, `redis+cluster://` and
 * `rediss+cluster://` a Redis Cluster, `redis+sentinel://` and `rediss+sentinel://` a Redis that Sentinels know.
 * @throws BelfryError `TRANSPORT_UNKNOWN` for other URLs, `OPTION_INVALID` for a part that cannot be right; never with the password
 */
export function transportFor(url: string, startup: Startup = 'fail'): TransportFactory {
  if (url.startsWith('memory:')) return memoryTransport(url);
  if (/^rediss?(\+(cluster|sentinel))?:\/\//.test(url))
    return redisTransport({ url, ...(startup === 'wait' ? { subscribePatience: 'forever' } : {}) });
  throw new BelfryError('TRANSPORT_UNKNOWN', {
    message: `url is no URL of a transport; it must begin with redis:// (like redis://127.0.0.1:6379), rediss:// for TLS, redis+cluster:// for a Cluster, redis+sentinel:// for Sentinels, or memory:${insteadOf(url)}.`,
  });
}

/** Only a scheme is quoted: what is no URL may be a secret that landed in the wrong variable. */
function insteadOf(url: string): string {
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url) ?? [];
  return scheme === undefined ? '' : `, not with ${scheme}`;
}

/** For logs: where a transport's URL leads, but neither user nor password, nor what stands behind a question mark. */
export function withoutSecrets(url: string): string {
  if (url.startsWith('memory:')) return url;
  // No URL of the platform: several hosts are none to that.
  const [, scheme = '', hosts = '', path = ''] = /^([^:]+):\/\/(?:.*@)?([^/?#]*)([^?#]*)/s.exec(url) ?? [];
  return `${scheme}://${hosts}${path}`;
}
