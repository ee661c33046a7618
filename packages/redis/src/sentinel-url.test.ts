import { describe, expect, it } from 'vitest';
import { isSentinelUrl, parseSentinelUrl } from './sentinel-url.js';

const parsed = (url: string) => {
  const { options, mistakes } = parseSentinelUrl(url);
  expect(mistakes).toEqual([]);
  return options;
};
const mistakesOf = (url: string) => parseSentinelUrl(url).mistakes;

describe('a URL of Sentinels', () => {
  it('names them, the primary, and who one is there', () => {
    expect(parsed('redis+sentinel://app:p%40ss%3A%2Fword@one:26380,two,[::1]:26381/my%20master?db=3')).toEqual({
      sentinels: [
        { host: 'one', port: 26380 },
        { host: 'two', port: 26379 },
        { host: '::1', port: 26381 },
      ],
      name: 'my master',
      db: 3,
      username: 'app',
      password: 'p@ss:/word',
    });
  });

  it('may leave out everything but one Sentinel and the name', () => {
    expect(parsed('redis+sentinel://one/mymaster')).toEqual({
      sentinels: [{ host: 'one', port: 26379 }],
      name: 'mymaster',
      db: 0,
    });
  });

  it('takes a password without a user, and one with @ and : in it', () => {
    expect(parsed('redis+sentinel://:p@ss:word@one/mymaster')).toMatchObject({ password: 'p@ss:word' });
    expect(parsed('redis+sentinel://:p@ss:word@one/mymaster')).not.toHaveProperty('username');
  });

  it('asks for TLS from Sentinels and Redis', () => {
    expect(parsed('rediss+sentinel://one/mymaster')).toMatchObject({ tls: {}, sentinelTLS: {} });
  });

  it.each(['redis+sentinel://one/mymaster', 'rediss+sentinel://one'])('is known by its beginning: %s', (url) => {
    expect(isSentinelUrl(url)).toBe(true);
  });

  it.each(['redis://one', 'redis+cluster://one', 'sentinel://one', 'xredis+sentinel://one'])('is not %s', (url) => {
    expect(isSentinelUrl(url)).toBe(false);
  });

  it('lists every mistake, and never says the password', () => {
    const noHost =
      'is no host and port from 1 to 65535; it must be like redis+sentinel://sentinel-1:26379,sentinel-2:26379/mymaster';
    const mistakes = mistakesOf('redis+sentinel://app:se%cret@one:0,:26379,two:x/a/b?db=first&timeout=secret');
    expect(mistakes).toEqual([
      `the 1. Sentinel of url ${noHost}`,
      `the 2. Sentinel of url ${noHost}`,
      `the 3. Sentinel of url ${noHost}`,
      'the password in url has a % that begins no escape; % itself is written %25',
      'url has more behind the name of the primary than ?db=',
      'url has something behind its question mark that is not db',
      'db in url is no database number',
    ]);
  });

  it.each(['redis+sentinel://one', 'redis+sentinel://one/', 'redis+sentinel://one?db=1'])('needs a name: %s', (url) => {
    expect(mistakesOf(url)).toEqual([expect.stringContaining('does not say what the Sentinels call the primary')]);
  });

  it.each([
    'redis+sentinel://app:secret/1@one/mymaster',
    'redis+sentinel://:secret?@one/mymaster',
    'redis+sentinel://a:b:secret/mymaster',
  ])('says that a password with / or ? in it needs escapes, without saying it: %s', (url) => {
    const mistakes = mistakesOf(url).join();
    expect(mistakes).not.toBe('');
    expect(mistakes).not.toContain('secret');
  });
});
