import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { resolveRedisOptions } from './options.js';
import { mistakesOfSentinels, sentinelOptionsOf } from './sentinel-options.js';

const URL = 'redis+sentinel://app:secret@one:1,two/mymaster?db=2';
const sentinels = [{ host: 'one', port: 1 }, { host: 'two' }];

describe('options of ioredis for Sentinels', () => {
  it('are those of the URL, with further ones on top', () => {
    expect(sentinelOptionsOf({ url: URL, redis: { sentinelPassword: 'pw', db: 3 } })).toMatchObject({
      sentinels: [
        { host: 'one', port: 1 },
        { host: 'two', port: 26379 },
      ],
      name: 'mymaster',
      username: 'app',
      password: 'secret',
      sentinelPassword: 'pw',
      db: 3,
    });
  });

  it('are those of an existing client', () => {
    const client = new Redis({ sentinels, name: 'mymaster', lazyConnect: true });
    expect(sentinelOptionsOf({ client })).toMatchObject({ sentinels, name: 'mymaster' });
    expect(resolveRedisOptions({ client }).connect('x').options).toMatchObject({ sentinels, name: 'mymaster' });
  });

  it('have TLS for Redis wherever tls says so, and for Sentinels where the URL or sentinelTLS does', () => {
    const tls = { ca: 'pem' };
    expect(sentinelOptionsOf({ redis: { sentinels, name: 'm' } })?.enableTLSForSentinelMode).toBe(false);
    const onlyRedis = sentinelOptionsOf({ redis: { sentinels, name: 'm', tls } });
    expect(onlyRedis).toMatchObject({ enableTLSForSentinelMode: true, tls });
    expect(onlyRedis?.sentinelTLS).toBeUndefined();
    const url = URL.replace('redis', 'rediss');
    expect(sentinelOptionsOf({ url })).toMatchObject({ enableTLSForSentinelMode: true, tls: {}, sentinelTLS: {} });
    expect(sentinelOptionsOf({ url, redis: { tls } })).toMatchObject({ tls, sentinelTLS: tls });
    const other = { ca: 'other' };
    expect(sentinelOptionsOf({ url, redis: { tls, sentinelTLS: other } })).toMatchObject({ tls, sentinelTLS: other });
  });

  it.each([{ url: 'redis://one' }, { redis: { host: 'one' } }, { client: new Redis({ lazyConnect: true }) }])(
    'are none without Sentinels: %j',
    (options) => {
      expect(sentinelOptionsOf(options)).toBeUndefined();
      expect(mistakesOfSentinels(options)).toEqual([]);
    },
  );

  it('never wait for ever within one life, and lead to whatever the Sentinels call the primary', () => {
    const { connect, address } = resolveRedisOptions({ redis: { sentinels, name: 'mymaster', role: 'slave' } });
    expect(address).toBe('mymaster (Sentinels one:1, two:26379)');
    expect(connect('x').options.Connector?.name).toBe('SentinelLookup');
  });
});
