import { describe, expect, it } from 'vitest';
import { startOwnRedis, startProxyTo, until } from './durable-world.js';
import { note, OrderPlaced, startBus } from './world.js';

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
