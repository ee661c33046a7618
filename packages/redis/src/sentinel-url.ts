import type { RedisOptions } from 'ioredis';

/** Whether a URL asks Sentinels where Redis is. */
export const isSentinelUrl = (url: string): boolean => /^rediss?\+sentinel:\/\//.test(url);

const EXAMPLE = 'like redis+sentinel://sentinel-1:26379,sentinel-2:26379/mymaster';
const PORT = 26379;

/**
 * Reads `redis+sentinel://user:password@host:26379,host:26379/name?db=0`; with `rediss+sentinel://` Sentinels and Redis speak TLS. User and password
 * are those of Redis. What it leaves out is port 26379 and database 0.
 * @returns options of ioredis, or the mistakes, which never quote what could be a password
 */
export function parseSentinelUrl(url: string): { options: RedisOptions; mistakes: readonly string[] } {
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^([^:]+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  const mistakes: string[] = [];
  const at = authority.lastIndexOf('@');
  const sentinels = authority
    .slice(at + 1)
    .split(',')
    .map((text, place) => toAddress(text, place, mistakes));

  const [user, ...password] = at < 0 ? [] : authority.slice(0, at).split(':');
  const username = decoded(user, 'user', mistakes);
  const secret = decoded(password.length === 0 ? undefined : password.join(':'), 'password', mistakes);

  const name = decoded(path.slice(1), 'name', mistakes);
  if (name === '') mistakes.push(`url does not say what the Sentinels call the primary; it must be ${EXAMPLE}`);
  else if (name?.includes('/')) mistakes.push('url has more behind the name of the primary than ?db=');
  const db = databaseIn(query, mistakes);

  const options: RedisOptions = { sentinels, name: name ?? '', db };
  if (username) options.username = username;
  if (secret) options.password = secret;
  if (scheme.startsWith('rediss')) Object.assign(options, { tls: {}, sentinelTLS: {} });
  return { options, mistakes };
}

function toAddress(text: string, place: number, mistakes: string[]): { host: string; port: number } {
  const [, inBrackets, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text) ?? [];
  const host = inBrackets ?? plain ?? '';
  const port = digits === undefined ? PORT : /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  const which = `the ${place + 1}. Sentinel of url`;
  if (host === '') mistakes.push(`${which} has no host; it must be ${EXAMPLE}`);
  else if (!(port >= 1 && port <= 65_535)) mistakes.push(`${which} has a port that is no number from 1 to 65535`);
  return { host, port };
}

function decoded(text: string | undefined, what: string, mistakes: string[]): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    mistakes.push(`the ${what} in url has a % that begins no escape; % itself is written %25`);
    return undefined;
  }
}

function databaseIn(query: string, mistakes: string[]): number {
  const { db = '0', ...others } = Object.fromEntries(new URLSearchParams(query));
  if (Object.keys(others).length > 0) mistakes.push('url has something behind its question mark that is not db');
  if (!/^\d+$/.test(db)) mistakes.push('db in url is no database number');
  return Number(db);
}
