import { randomUUID } from 'node:crypto';
import { startProxy, startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { sharedUrl, startTransport } from '../test/world.js';

const rejection = async (promise: Promise<unknown>): Promise<{ code: string; afterMs: number }> => {
  const from = performance.now();
  const code = await promise.then(
    () => expect.fail('resolved'),
    (error) => error.code,
  );
  return { code, afterMs: performance.now() - from };
};

describe('listening', () => {
  it('tells which of several inboxes are listened to, in one question', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const options = { url: redis.url, heartbeat: '1h' as const };
    const [one, two, asker] = [
      startTransport('one', options),
      startTransport('two', options),
      startTransport('asker', options),
    ];
    const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
    await one.subscribe({ kind: 'inbox', address: a }, () => {});
    const second = await two.subscribe({ kind: 'inbox', address: b }, () => {});
    expect(await asker.listening([c, b, a])).toEqual(new Set([a, b]));
    await second.end();
    expect(await asker.listening([a, b, c])).toEqual(new Set([a]));
    const asked = /cmdstat_pubsub\|shardnumsub:calls=(\d+)/.exec(await client.info('commandstats'))?.[1];
    expect(asked).toBe('2');
    client.disconnect();
  });

  it('is not asked about nothing', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    await proxy.refuse();
    expect(await startTransport('asker', { url: proxy.url }).listening([])).toEqual(new Set());
    expect(proxy.connections).toBe(0);
  });

  it('rejects within a second when Redis does not answer, or is not there', async () => {
    await using redis = await startRedis({ fresh: true });
    const asker = startTransport('asker', { url: redis.url, subscribePatience: 'forever' });
    await asker.listening(['a']);
    await redis.kill('SIGSTOP');
    const silent = await rejection(asker.listening(['a']));
    await redis.kill('SIGCONT');
    await using proxy = await startProxy({ url: redis.url });
    await proxy.refuse();
    const away = await rejection(startTransport('asker', { url: proxy.url }).listening(['a']));
    for (const { code, afterMs } of [silent, away]) {
      expect(code).toBe('TRANSPORT_UNAVAILABLE');
      expect(afterMs).toBeLessThan(1000);
    }
  });

  it('is asked again when the connection breaks before the answer', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const asker = startTransport('asker', { url: proxy.url });
    await asker.listening(['a']);
    const cut = proxy.cutAfterRequest(/shardnumsub/i);
    expect(await asker.listening(['a'])).toEqual(new Set());
    await cut;
  });

  it('rejects when Redis refuses, and once it is closed', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    await client.call('ACL', 'SETUSER', 'narrow', 'on', '>pw', '~*', '&*', '+@all', '-pubsub');
    const asker = startTransport('asker', { url: redis.url.replace('redis://', 'redis://narrow:pw@') });
    expect(await rejection(asker.listening(['a']))).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    await asker.close();
    expect(await rejection(asker.listening(['a']))).toMatchObject({ code: 'BUS_CLOSED' });
    client.disconnect();
  });
});
