import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { membersKey } from '../src/names.js';
import { connectTo, nextTurn, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { Audience, ways } from './outages-audience.js';
import { outlives } from './outages-load.js';
import { OrderPlaced, range } from './world.js';

const HEARTBEAT = 200;
const PATIENCE = 1000;
/** What was written waits for the heartbeat to notice that nobody answers, and then as long as what was not. */
const WITHIN = 4 * HEARTBEAT + PATIENCE + 1000;

describe('everybody is back by itself, exactly once, after a Redis', { timeout: 60_000 }, () => {
  let redis: RedisServer;
  let admin: Redis;
  const gather = (heartbeat = HEARTBEAT) => Audience.gather({ app: { url: redis.url, heartbeat, patience: PATIENCE } });
  beforeEach(async () => {
    redis = await startOwnRedis({ appendonly: 'yes', appendfsync: 'always' });
    admin = connectTo(redis.url);
  });

  it.each([0, 3000])('was killed, and came back empty after %i ms', async (downtime) => {
    const killed = async () => {
      await redis.kill();
      await sleep(downtime);
      await redis.restart({ empty: true });
    };
    await outlives(await gather(), killed, { admin, within: WITHIN, losesLogs: true });
  });

  it.each(['commands', 'subscriber'])(
    'was killed, and came back empty: places are taken with the connections, not with the next heartbeat, when the %s connections are last',
    async (role) => {
      const proxy = await startProxyTo(redis.url);
      const app = { url: proxy.url, heartbeat: '1h' as const, patience: PATIENCE };
      const audience = await Audience.gather({ app });
      const killed = async () => {
        await redis.kill();
        proxy.delay(100, { name: new RegExp(`:${role}$`) });
        await redis.restart({ empty: true });
        await until(() => audience.returns === 6);
        proxy.delay(0);
      };
      await outlives(audience, killed, { admin, within: WITHIN, losesLogs: true });
    },
  );

  it('was killed, and came back with everything', async () => {
    const killed = async () => {
      await redis.kill();
      await redis.restart({ empty: false });
    };
    await outlives(await gather(), killed, { admin, within: WITHIN });
  });

  it('was killed three times', async () => {
    const killed = async () => {
      for (const round of range(3)) {
        await redis.kill();
        await redis.restart({ empty: false });
        await sleep(round * 300);
      }
    };
    await outlives(await gather(), killed, { admin, within: WITHIN });
  });

  it.each([1000, 3000, 12_000])('stood still for %i ms', async (milliseconds) => {
    const standstill = async () => {
      await redis.kill('SIGSTOP');
      await sleep(milliseconds);
      await redis.kill('SIGCONT');
    };
    await outlives(await gather(), standstill, { admin, within: WITHIN });
  });

  it('stood still for less than the heartbeat notices: no connection is given up, and nothing is lost', async () => {
    const audience = await gather(5000);
    const standstill = async () => {
      await redis.kill('SIGSTOP');
      await sleep(1000);
      await redis.kill('SIGCONT');
    };
    const load = await outlives(audience, standstill, { admin, within: WITHIN, timeout: 4000 });
    expect(load.said.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    for (const way of ways) {
      const numbers = load.said.filter((each) => each.way === way).map(({ n }) => n);
      for (const list of audience.listsOf(way)) expect(numbers.filter((n) => !list.includes(n))).toEqual([]);
    }
    expect(audience.interruptions).toBe(0);
  });

  it('was flushed', async () => {
    const audience = await gather();
    await outlives(audience, () => admin.flushall(), { admin, within: WITHIN, losesLogs: true });
    expect(audience.interruptions).toBe(0);
  });

  it('was flushed again and again', async () => {
    const flushes = async () => {
      for (const _ of range(10)) {
        await admin.flushall();
        await sleep(50);
      }
    };
    await outlives(await gather(), flushes, { admin, within: WITHIN, losesLogs: true });
  });

  it('forgot its scripts all the time: nothing is refused, lost or out of order', async () => {
    const audience = await gather();
    const forgetting = async () => {
      for (const _ of range(40)) {
        await admin.script('FLUSH');
        await nextTurn();
        await sleep(Math.random() * 20);
      }
    };
    const load = await outlives(audience, forgetting, { admin, within: WITHIN, pause: 2 });
    expect(await admin.info('errorstats')).toContain('errorstat_NOSCRIPT');
    const failed = load.said.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'TRANSPORT_UNAVAILABLE');
    expect(failed).toEqual([]);
    for (const way of ways) {
      const confirmed = load.said.filter((each) => each.way === way && each.outcome === 'ok').map(({ n }) => n);
      for (const list of audience.listsOf(way)) expect(confirmed.filter((n) => !list.includes(n))).toEqual([]);
    }
    expect(audience.interruptions).toBe(0);
  });

  describe.each(['normal', 'pubsub'])('ended connections of the type %s', (type) => {
    it.each([1, 10])('%i times', async (times) => {
      const kills = async () => {
        let ended = 0; // not all of them are back each time
        for (const _ of range(times)) {
          ended += Number(await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'));
          await sleep(120);
        }
        expect(ended).toBeGreaterThanOrEqual(times);
      };
      await outlives(await gather(), kills, { admin, within: WITHIN });
    });
  });

  it('ended both of its connections in one moment, again and again', async () => {
    const kills = async () => {
      for (const _ of range(10)) {
        for (const type of ['normal', 'pubsub']) await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
        await sleep(Math.random() * 100);
      }
    };
    await outlives(await gather(), kills, { admin, within: WITHIN });
  });

  it('was restarted empty while an instance was away for good: only the living take places', async () => {
    const audience = await gather();
    await audience.two.close();
    await redis.kill();
    await redis.restart({ empty: true });
    const ring = () => admin.hget(membersKey('belfry:orders.placed'), 'app');
    await until(async () => (await ring().catch(() => null))?.startsWith(audience.one.instance) === true);
    expect((await ring())?.length).toBe(18);
    expect(await audience.asker.publish(OrderPlaced, { n: 1 })).toMatchObject({ groups: { app: 1 } });
  });
});
