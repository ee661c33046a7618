import type { RedisOptions } from 'ioredis';
import { type HostsOf, readHosts, readLogin, unescaped } from './hosts.js';

/** Whether a URL asks Sentinels where Redis is. */
export const isSentinelUrl = (url: string): boolean => /^rediss?\+sentinel:\/\//.test(url);

const SENTINELS: HostsOf = {
  noun: 'Sentinel',
  port: 26379,
  example: 'like redis+sentinel://sentinel-1:26379,sentinel-2:26379/mymaster',
};

/**
 * Reads `redis+sentinel://user:password@host:26379,host:26379/name?db=0`; with `rediss+sentinel://` Sentinels and Redis speak TLS. User and password
 * are those of Redis. What it leaves out is port 26379 and database 0.
 * @returns options of ioredis, or the mistakes, which never quote what could be a password
 */
export function parseSentinelUrl(url: string): { options: RedisOptions; mistakes: readonly string[] } {
  const [, scheme = '', login = '', hosts = '', path = '', query = ''] =
    /^([^:]+):\/\/(?:([^/?#]*)@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  const mistakes: string[] = [];
  const sentinels = readHosts(hosts, SENTINELS, mistakes);
  const credentials = readLogin(login, mistakes);

  const name = unescaped(path.slice(1), 'name', mistakes);
  if (name === '')
    mistakes.push(`url does not say what the Sentinels call the primary; it must be ${SENTINELS.example}`);
  else if (name?.includes('/')) mistakes.push('url has more behind the name of the primary than ?db=');
  const db = databaseIn(query, mistakes);

  const options: RedisOptions = { sentinels, name: name ?? '', db, ...credentials };
  if (scheme.startsWith('rediss')) Object.assign(options, { tls: {}, sentinelTLS: {} });
  return { options, mistakes };
}

function databaseIn(query: string, mistakes: string[]): number {
  const { db = '0', ...others } = Object.fromEntries(new URLSearchParams(query));
  if (Object.keys(others).length > 0) mistakes.push('url has something behind its question mark that is not db');
  if (!/^\d+$/.test(db)) mistakes.push('db in url is no database number');
  return Number(db);
}
