import { setTimeout as sleep } from 'node:timers/promises';
import type { BelfryError } from '@belfry/contracts';
import { type SentinelRedis, startRedis } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connectTo, numbersIn, OrderPaid, until, watched } from './durable-world.js';
import { Load as Publishing, OrderKept, watch } from './loss-world.js';
import { Audience } from './outages-audience.js';
import { Load, outlives } from './outages-load.js';
import { collectingLogger, note, OrderPlaced, startBus } from './world.js';

const HEARTBEAT = 400;
const PATIENCE = 15_000;
/** What was written waits for the heartbeat to notice that nobody answers, and then as long as what was not. */
const WITHIN = 4 * HEARTBEAT + PATIENCE + 1000;

describe('behind Sentinels', { timeout: 120_000 }, () => {
  let redis: SentinelRedis;
  let first: Redis;
  let second: Redis;
  const app = () => ({ url: redis.url, heartbeat: HEARTBEAT, patience: PATIENCE });
  beforeEach(async () => {
    redis = await startRedis({ sentinel: true });
    onTestFinished(() => redis.stop());
    [first, second] = redis.nodes.map(({ url }) => connectTo(url)) as [Redis, Redis];
  });

  /** Resolves once the Sentinels and the replica itself say that it is the primary. */
  const isPromoted = async (admin: Redis, node: unknown) => {
    await until(async () => (await redis.primary().catch(() => undefined)) === node, 20_000);
    await until(async () => (await admin.role())[0] === 'master', 20_000);
  };
  const replicated = async () => {
    const offset = async (admin: Redis) => /^master_repl_offset:(\d+)/m.exec(await admin.info('replication'))?.[1];
    await until(async () => (await offset(first)) === (await offset(second)));
  };
  const belfryClients = async (admin: Redis) => String(await admin.client('LIST')).match(/ name=belfry:/g)?.length ?? 0;

  it('a primary is killed: everybody follows, exactly once, and what has come back as a replica is used by nobody', async () => {
    const audience = await Audience.gather({ app: app() });
    const load = await outlives(
      audience,
      async () => {
        await redis.nodes[0].kill();
        await isPromoted(second, redis.nodes[1]);
      },
      { admin: second, within: WITHIN, losesLogs: true, pause: 40, mayRepeat: ['durableGroup'] },
    );
    expect(load.count('durable', 'ok')).toBeGreaterThan(10);
    await redis.nodes[0].restart();
    const again = new Load(audience, { pause: 40, mayRepeat: ['durableGroup'] });
    await until(async () => (await first.role())[0] === 'slave', 40_000);
    await again.flows();
    await again.endsWell(WITHIN);
    expect(await belfryClients(first)).toBe(0);
    await audience.isWhole(second);
    await audience.hearsEverythingOnce();
  });

  it('a primary is killed: what it had confirmed and passed on is handled, and read again by who missed it', async () => {
    const numbers: number[] = [];
    const worker = startBus('worker', app());
    await worker.subscribe(OrderPaid, ({ n }) => void numbers.push(n));
    const kept = await watch(startBus('board', app()), OrderKept);
    const bus = startBus('publisher', app());
    const durable = new Publishing(bus, OrderPaid, { pause: () => sleep(5) });
    const recovering = new Publishing(bus, OrderKept, { pause: () => sleep(5) });
    await durable.goesOnFor(50);
    await recovering.goesOnFor(50);
    await first.call('CLIENT', 'PAUSE', '400', 'ALL'); // nothing more is confirmed, and what was is passed on
    const [confirmed, published] = [[...durable.fulfilled], [...recovering.fulfilled]];
    await sleep(100);
    await redis.nodes[0].kill();
    await isPromoted(second, redis.nodes[1]);
    await durable.goesOnFor(20);
    await recovering.goesOnFor(20);
    await Promise.all([durable.stop(), recovering.stop()]);
    await until(() => durable.fulfilled.every((n) => numbers.includes(n)), 20_000);
    expect(confirmed.filter((n) => !numbers.includes(n))).toEqual([]);
    expect(await numbersIn(second, 'belfry:orders.paid')).toEqual(
      (await numbersIn(second, 'belfry:orders.paid')).toSorted((a, b) => a - b),
    );
    await until(() => recovering.fulfilled.every((n) => kept.noted.includes(n)), 20_000);
    expect(published.filter((n) => !kept.noted.includes(n))).toEqual([]);
    expect(new Set(kept.noted).size).toBe(kept.noted.length);
    for (const codes of [durable.codes, recovering.codes])
      expect(codes.filter((code) => code !== 'PUBLISH_UNCONFIRMED' && code !== 'TRANSPORT_UNAVAILABLE')).toEqual([]);
  });

  it('a primary is killed before it has passed on what it confirmed: the loss is told', async () => {
    const logger = collectingLogger();
    const bus = startBus('publisher', app(), { logger });
    await bus.subscribe(OrderPaid, () => {});
    await bus.publish(OrderPaid, { n: 0 });
    await replicated();
    await redis.nodes[1].kill('SIGSTOP');
    await first.call('CLIENT', 'KILL', 'TYPE', 'replica'); // asynchronous: nobody waits for it
    for (let n = 1; n <= 5; n++) await bus.publish(OrderPaid, { n });
    await redis.nodes[0].kill();
    await redis.nodes[1].kill('SIGCONT');
    await isPromoted(second, redis.nodes[1]);
    await bus.publish(OrderPaid, { n: 6 });
    await until(() => logger.lines.some((line) => line.includes('Redis has lost events that it had confirmed')));
  });

  it('a failover is asked for: everybody follows', async () => {
    const audience = await Audience.gather({ app: app() });
    await replicated();
    const [{ host, port }] = redis.sentinels as [SentinelRedis['sentinels'][number]];
    const sentinel = connectTo(`redis://${host}:${port}`);
    const load = await outlives(
      audience,
      async () => {
        await sentinel.call('SENTINEL', 'FAILOVER', redis.name);
        await isPromoted(second, redis.nodes[1]);
        await until(async () => (await first.role())[0] === 'slave', 20_000);
      },
      { admin: second, within: WITHIN, losesLogs: true, pause: 40, mayRepeat: ['durableGroup'] },
    );
    expect(load.said.length).toBeGreaterThan(20);
    expect(await belfryClients(first)).toBe(0);
  });

  it('a primary is made a replica by hand: it is left, also by who only publishes and listens', async () => {
    const publisher = startBus('publisher', app());
    const noted = await note(startBus('app', app()));
    await publisher.publish(OrderPlaced, { n: 0 });
    for (const { kill } of redis.sentinels) await kill('SIGSTOP'); // they would put it right, or end the connections
    await second.replicaof('NO', 'ONE');
    await first.replicaof('127.0.0.1', redis.nodes[1].port);
    await until(() => publisher.status === 'interrupted');
    await until(async () => (await belfryClients(first)) === 0, 20_000);
    expect(noted).toEqual([0]);
  });

  it('a Sentinel that does not answer is passed over', async () => {
    await redis.sentinels[0]?.kill('SIGSTOP');
    await redis.sentinels[1]?.kill();
    for (let round = 0; round < 4; round++) {
      const noted = await note(startBus(`app-${round}`, { url: redis.url }));
      await startBus('publisher', { url: redis.url }).publish(OrderPlaced, { n: round });
      await until(() => noted.length === 1);
    }
  });

  it('no Sentinel is there at the start: the error says so within the patience, and the service starts when they are', async () => {
    await Promise.all(redis.sentinels.map(({ kill }) => kill()));
    const logger = collectingLogger();
    const url = redis.url.replace('://', '://ann:secret@');
    const from = performance.now();
    const error = await note(startBus('app', { url, subscribePatience: 1500 }, { logger })).catch((reason) => reason);
    expect(performance.now() - from).toBeLessThan(3000);
    expect(error).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    const { sentinels, name } = redis;
    expect(error.message).toContain(
      `${name} (Sentinels ${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(', ')})`,
    );
    expect(error.message).toContain(`no Sentinel says where ${name} is: 127.0.0.1:`);
    expect(error.message).toContain('ECONNREFUSED');
    expect(`${error.message} ${error.hint} ${error.cause} ${logger.lines}`).not.toContain('secret');
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);

    const waiting = watched(note(startBus('later', { url: redis.url, subscribePatience: 'forever' })));
    await Promise.all(redis.sentinels.map(({ restart }) => restart()));
    await waiting;
  });
});

describe('behind Sentinels that nothing happens to', { timeout: 60_000 }, () => {
  let redis: SentinelRedis;
  beforeAll(async () => {
    redis = await startRedis({ sentinel: true });
  });
  afterAll(() => redis.stop());

  it('the Sentinels know no such primary: the error says so', async () => {
    const bus = startBus('app', { url: redis.url.replace(/\w+$/, 'theirs'), subscribePatience: 1000 });
    await expect(note(bus)).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining('it knows no theirs'),
    });
  });

  it('are no Redis, and a Redis is no Sentinel: the error names the URL to take', async () => {
    const [{ port }] = redis.sentinels as [SentinelRedis['sentinels'][number]];
    const theirs = { url: `redis://127.0.0.1:${port}`, subscribePatience: 500, patience: 500 };
    const its = { ...theirs, url: `${redis.nodes[0].url.replace('://', '+sentinel://')}/mymaster` };
    const refusals = (at: typeof theirs, name: string) => {
      const bus = startBus(name, at);
      const doings = [bus.open(), note(bus), bus.publish(OrderPlaced, { n: 1 })];
      return Promise.all(
        doings.map((doing) =>
          doing.then(
            () => undefined,
            (reason: BelfryError) => reason,
          ),
        ),
      );
    };
    for (const refusal of await refusals(theirs, 'one')) {
      expect(refusal?.hint).toContain('redis+sentinel://host:26379/mymaster');
      expect(refusal?.message).not.toContain('with args'); // payloads may be among them
    }
    for (const refusal of await refusals(its, 'other')) expect(refusal?.hint).toContain('a Redis and no Sentinel');
  });

  it('is reached by options as by the URL, and by a client', async () => {
    const sentinels = redis.sentinels.map(({ host, port }) => ({ host, port }));
    const { Redis: Client } = await import('ioredis');
    const client = new Client({ sentinels, name: redis.name, lazyConnect: true });
    const ways = [{ redis: { sentinels, name: redis.name, db: 1 } }, { url: `${redis.url}?db=1` }, { client }];
    for (const [at, way] of ways.entries()) {
      const noted = await note(startBus(`app-${at}`, way));
      await startBus('publisher', way).publish(OrderPlaced, { n: at });
      await until(() => noted.length === 1);
    }
    client.disconnect();
  });

  it('needs two rights of a Sentinel', async () => {
    const rights = ['+sentinel|get-master-addr-by-name', '+sentinel|sentinels'];
    for (const { host, port } of redis.sentinels) {
      const admin = connectTo(`redis://${host}:${port}`);
      await admin.call('ACL', 'SETUSER', 'belfry', 'on', '>pw', '-@all', ...rights);
      await admin.call('ACL', 'SETUSER', 'default', 'off');
    }
    const as = (sentinelPassword: string) => ({
      url: redis.url,
      redis: { sentinelUsername: 'belfry', sentinelPassword },
      subscribePatience: 1000,
    });
    await note(startBus('app', as('pw')));
    const refused = await note(startBus('other', as('secret'))).catch((reason) => reason);
    expect(refused).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE', message: expect.stringContaining('WRONGPASS') });
    expect(refused.message).not.toContain('secret');
  });
});
