import { defineEvent, type EventData } from '@belfry/contracts';
import { Subscribe } from '@belfry/handlers';
import { redisTransport } from '@belfry/redis';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startHarness } from './harness/start-harness.js';
import { pingRedis } from './redis-ping.js';
import { startRedis } from './redis-server.js';

const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string() }), guarantee: 'durable' });
class Ledger {
  @Subscribe(PaymentTaken)
  book(_: EventData<typeof PaymentTaken>) {}
}

describe('a protected Redis', () => {
  it('speaks TLS alone, also after a restart, and a service runs over it', async () => {
    await using redis = await startRedis({ tls: true });
    expect(redis.url).toMatch(/^rediss:\/\/127\.0\.0\.1:\d+$/);
    const { host, port, url, ca = '' } = redis;
    expect(await pingRedis({ host, port }, 200)).toBe('silent');
    await redis.restart();
    const transport = redisTransport({ url, redis: { tls: { ca } } });
    await using harness = await startHarness({ handlers: [Ledger], transport });
    await harness.publish(PaymentTaken, { order: 'o-1' });
    await harness.handled(PaymentTaken, { order: 'o-1' });
    await expect(
      new Redis(url, { lazyConnect: true, retryStrategy: null }).on('error', () => {}).connect(),
    ).rejects.toThrow();
  });

  it('lets only those in who show a certificate, when it has to be mutual', async () => {
    await using redis = await startRedis({ tls: 'mutual' });
    await redis.restart();
    const { url, ca = '', clientCertificate } = redis;
    const once = { lazyConnect: true, retryStrategy: null };
    const [known, unknown] = [{ ca, ...clientCertificate }, { ca }].map((tls) =>
      new Redis(url, { ...once, tls }).on('error', () => {}),
    );
    await known?.connect();
    expect(await known?.ping()).toBe('PONG');
    await expect(unknown?.connect()).rejects.toThrow();
    known?.disconnect();
  });

  it('lets its user do what the rules say, and nobody else anything', async () => {
    await using redis = await startRedis({ acl: '~*shop* &* +@all -@dangerous +info' });
    const { url, adminUrl } = redis;
    expect(url).toMatch(/^redis:\/\/app:[0-9a-f]{32}@127\.0\.0\.1:\d+$/);
    const [app, admin, nobody] = [url, adminUrl, url.replace(/app:.*@/, '')].map((each) =>
      new Redis(each, { retryStrategy: null, protocol: 2 }).on('error', () => {}),
    );
    await expect(app!.set('other', '1')).rejects.toThrow('NOPERM');
    expect(await app!.set('shop', '1')).toBe('OK');
    await expect(app!.flushall()).rejects.toThrow('NOPERM');
    await expect(nobody!.get('shop')).rejects.toThrow();
    expect(await admin!.get('shop')).toBe('1');
    for (const client of [app, admin, nobody]) client!.disconnect();
    await using harness = await startHarness({ handlers: [Ledger], url, namespace: 'shop' });
    await harness.publish(PaymentTaken, { order: 'o-1' });
    await harness.handled(PaymentTaken, { order: 'o-1' });
  });

  it('is never the shared one', async () => {
    await expect(startRedis({ source: 'url', tls: true })).rejects.toThrow('it cannot be fresh');
  });
});
