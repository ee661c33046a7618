import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { callsOf, connectTo, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { Audience } from './outages-audience.js';
import { outlives } from './outages-load.js';
import { range } from './world.js';

const HEARTBEAT = 200;
const PATIENCE = 1000;
/** What was written waits for the heartbeat to notice that nobody answers, and then as long as what was not. */
const WITHIN = 4 * HEARTBEAT + PATIENCE + 1000;

const connections = [
  ['commands connections', { name: /:commands$/ }, 3],
  ['subscriber connections', { name: /:subscriber$/ }, 3],
  ['connections', { name: /^belfry:/ }, 6],
] as const;

describe('everybody is back by itself, exactly once, after a network', { timeout: 60_000 }, () => {
  let proxy: TcpProxy;
  let admin: Redis;
  const gather = (heartbeat = HEARTBEAT) => Audience.gather({ app: { url: proxy.url, heartbeat, patience: PATIENCE } });
  beforeEach(async () => {
    const redis = await startOwnRedis({ 'client-output-buffer-limit': 'pubsub 1mb 0 0' });
    proxy = await startProxyTo(redis.url);
    admin = connectTo(redis.url);
  });

  describe.each(connections)('whose %s', (_, filter, count) => {
    it.each(['reset', 'end'] as const)('were cut, with a TCP %s', async (how) => {
      const cut = async () => expect(proxy.cut(filter, how)).toBe(count);
      await outlives(await gather(), cut, { admin, within: WITHIN });
    });

    it('were cut ten times in a second', async () => {
      const cuts = async () => {
        for (const _round of range(10)) {
          proxy.cut(filter);
          await sleep(100);
        }
      };
      await outlives(await gather(), cuts, { admin, within: WITHIN });
    });

    it('were half open, while new ones worked', async () => {
      const audience = await gather();
      const halfOpen = async () => {
        proxy.swallow(true, { filter, existingOnly: true });
        await expect.poll(() => audience.interruptions, { timeout: 10_000 }).toBe(count);
        await expect.poll(() => audience.returns, { timeout: 10_000 }).toBe(count);
        await audience.hearsEverythingOnce(); // also while Redis takes the old ones for alive
        proxy.swallow(false);
      };
      await outlives(audience, halfOpen, { admin, within: WITHIN });
    });

    it('were half open, and new ones, too', async () => {
      const audience = await gather();
      const halfOpen = async () => {
        proxy.swallow(true, { filter });
        await expect.poll(() => audience.interruptions, { timeout: 10_000 }).toBe(count);
        await sleep(1500);
        proxy.swallow(false);
      };
      await outlives(audience, halfOpen, { admin, within: WITHIN });
    });

    it('were not read from for a while', async () => {
      const audience = await gather();
      const standstill = async () => {
        proxy.slowReading(0, filter);
        await expect.poll(() => audience.interruptions, { timeout: 10_000 }).toBe(count);
        proxy.slowReading(Number.POSITIVE_INFINITY, filter);
      };
      await outlives(audience, standstill, { admin, within: WITHIN });
    });

    it('were slow, but quicker than the heartbeat: they were never lost, and nothing with them', async () => {
      const audience = await gather(2000);
      const accepted = await connectionsMade(admin);
      const latency = async () => {
        proxy.delay(150, filter);
        await audience.hearsEverythingOnce();
        await audience.hearsEverythingOnce();
        proxy.delay(0, filter);
      };
      const load = await outlives(audience, latency, { admin, within: WITHIN, timeout: 5000 });
      expect(load.said.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      expect(await connectionsMade(admin)).toBe(accepted);
    });
  });

  it('that nobody got through for a while', async () => {
    const audience = await gather();
    const refusal = async () => {
      await proxy.refuse();
      await sleep(2000);
      await proxy.accept();
    };
    const load = await outlives(audience, refusal, { admin, within: WITHIN });
    for (const way of ['event', 'durable', 'bare', 'request'] as const)
      expect(load.count(way, 'TRANSPORT_UNAVAILABLE'), way).toBeGreaterThan(0);
    expect(audience.interruptions).toBe(6);
    expect(audience.returns).toBe(6);
  });

  it('that took a subscriber so little that Redis gave it up', async () => {
    const audience = await gather(5000); // Redis ends the connection, not the heartbeat
    const overflow = async () => {
      proxy.slowReading(0, { name: new RegExp(`${audience.two.instance}:subscriber$`) });
      const text = 'x'.repeat(500_000);
      await until(async () => {
        for (const _ of range(10)) void admin.publish('rumours', text);
        await admin.ping();
        return (await admin.pubsub('NUMSUB', 'rumours'))[1] === 0;
      }, 20_000);
      proxy.slowReading(Number.POSITIVE_INFINITY);
      expect(await callsOf(admin, 'publish')).toBeGreaterThan(0);
    };
    await outlives(audience, overflow, { admin, within: WITHIN + 5000 });
    expect(audience.interruptions).toBe(1);
  });
});

const connectionsMade = async (admin: Redis): Promise<number> =>
  Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
