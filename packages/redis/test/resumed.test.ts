import { describe, expect, it } from 'vitest';
import { membersKey } from '../src/names.js';
import { connectTo, OrderPaid, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { OrderShipped, watch } from './loss-world.js';
import { collectingLogger, note, OrderPlaced, startBus } from './world.js';

describe('whoever is told that a bus is back', () => {
  // Without waiting for its places the first of these would be too early by the way round of a probe.
  it.each(['commands', 'subscriber'])(
    'may publish at once, and it receives: its %s connection is the last',
    async (role) => {
      const redis = await startOwnRedis();
      const proxy = await startProxyTo(redis.url);
      const billing = startBus('billing', { url: proxy.url, heartbeat: '1h' });
      const noted = await note(billing);
      const publisher = startBus('publisher', { url: redis.url });
      await publisher.publish(OrderPlaced, { n: 0 });
      const resumed = new Promise<void>((resolve) => void billing.on('resumed', () => resolve()));
      await redis.kill();
      await until(() => publisher.status === 'interrupted');
      proxy.delay(100, { name: new RegExp(`:${role}$`) });
      await redis.restart({ empty: true });
      await resumed;
      expect(await publisher.publish(OrderPlaced, { n: 1 })).toMatchObject({ groups: { billing: 1 } });
      await until(() => noted.includes(1));
    },
  );
});

describe('a subscription that Redis refuses when the connection comes back', () => {
  it('is an interruption, hinders no other one, and is there again when it is allowed again', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    await admin.acl('SETUSER', 'billing', 'on', '>secret', '~*', '&*', '+@all');
    const logger = collectingLogger();
    const billing = startBus(
      'billing',
      { url: redis.url.replace('//', '//billing:secret@'), heartbeat: 200 },
      { logger },
    );
    const publisher = startBus('publisher', { url: redis.url });
    const noted = await note(billing);
    const watched = await watch(billing);
    const paid: number[] = [];
    await billing.subscribe(OrderPaid, ({ n }) => void paid.push(n));
    const shipped: number[] = [];
    await billing.subscribe(OrderShipped, ({ n }) => void shipped.push(n));
    await publisher.publish(OrderPlaced, { n: 1 });
    await until(() => noted.length === 1 && watched.noted.length === 1);
    const told: unknown[] = [];
    billing.on('interrupted', () => void told.push('interrupted'));
    billing.on('resumed', () => void told.push('resumed'));

    // Redis ends a connection that listens to what it may not listen to any more.
    const others = ['&belfry:{belfry:orders.shipped}:*', `&belfry:{${billing.instance}}:probe*`, '&__redis__:*'];
    await admin.acl('SETUSER', 'billing', 'resetchannels', ...others);
    await until(() => logger.lines.filter((line) => line.includes('Redis refuses a subscription')).length >= 4);
    const ring = () => admin.hget(membersKey('belfry:orders.shipped'), 'billing');
    await until(async () => (await ring())?.startsWith(billing.instance) === true);
    await publisher.publish(OrderShipped, { n: 2 });
    await until(() => shipped.includes(2));
    expect(await publisher.publish(OrderPlaced, { n: 2 })).toEqual({ broadcast: 0, groups: { billing: 0 } });
    await publisher.publish(OrderPaid, { n: 2 });
    expect(billing.status).toBe('interrupted');
    expect(told).toEqual(['interrupted']);

    await admin.acl('SETUSER', 'billing', 'allchannels');
    await until(() => billing.status === 'connected');
    expect(told).toEqual(['interrupted', 'resumed']);
    expect(await publisher.publish(OrderPlaced, { n: 3 })).toEqual({ broadcast: 1, groups: { billing: 1 } });
    await until(() => noted.includes(3) && watched.noted.includes(3));
    expect(noted).toEqual([1, 3]);
    expect(watched.gaps.map(({ missed, reason }) => ({ missed, reason }))).toEqual([
      { missed: 1, reason: 'interrupted' },
    ]);
    await until(() => paid.includes(2));
  });

  it('is no interruption any more when nobody wants it', async () => {
    const redis = await startOwnRedis();
    const admin = connectTo(redis.url);
    await admin.acl('SETUSER', 'billing', 'on', '>secret', '~*', '&*', '+@all');
    const billing = startBus('billing', { url: redis.url.replace('//', '//billing:secret@'), heartbeat: 200 });
    const subscription = await billing.subscribe(OrderPlaced, () => {});
    await admin.acl('SETUSER', 'billing', 'resetchannels', `&belfry:{${billing.instance}}:probe*`, '&__redis__:*');
    await until(() => billing.status === 'interrupted');
    await subscription.end();
    await until(() => billing.status === 'connected');
  });
});
