import type { RedisServer, TcpProxy } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { inboxChannel, membersKey } from '../src/names.js';
import { connectTo, OrderPaid, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { DoWork } from './work.js';
import { collectingLogger, note, OrderPlaced, range, startBus } from './world.js';

const CHANNEL = 'belfry:orders.placed';
const RINGS = [CHANNEL, 'belfry:orders.paid', 'belfry:work.do/request'];

describe('while one instance of a group has lost Redis', { timeout: 60_000 }, () => {
  let redis: RedisServer;
  let proxy: TcpProxy;
  let admin: Redis;
  beforeEach(async () => {
    redis = await startOwnRedis();
    proxy = await startProxyTo(redis.url);
    admin = connectTo(redis.url);
  });
  const listeners = async (name: string) => Number(((await admin.call('PUBSUB', 'SHARDNUMSUB', name)) as unknown[])[1]);
  /** How many have a place, in each ring. */
  const places = () =>
    Promise.all(RINGS.map(async (channel) => ((await admin.hget(membersKey(channel), 'app')) ?? '').length / 18));

  it('the others handle everything, and it has its share again afterwards', async () => {
    const options = { heartbeat: 200 };
    const stays = startBus('app', { url: redis.url, ...options });
    const logger = collectingLogger();
    const goes = startBus('app', { url: proxy.url, ...options }, { logger });
    const publisher = startBus('publisher', { url: redis.url, ...options });
    const noted = [await note(stays), await note(goes)];
    const paid: number[][] = [[], []];
    const worked: number[][] = [[], []];
    for (const [at, bus] of [stays, goes].entries()) {
      await bus.subscribe(OrderPaid, ({ n }) => void paid[at]?.push(n));
      await bus.respond(DoWork, ({ n }) => {
        worked[at]?.push(n);
        return { n, by: bus.instance };
      });
    }
    const say = (numbers: readonly number[]) =>
      Promise.all(
        numbers.map(async (n) => {
          const [receipt] = await Promise.all([
            publisher.publish(OrderPlaced, { n }),
            publisher.publish(OrderPaid, { n }),
            publisher.request(DoWork, { n }),
          ]);
          expect(receipt).toMatchObject({ groups: { app: 1 } });
        }),
      );
    const all = [noted, paid, worked];
    const haveCome = (count: number) => until(() => all.every((lists) => lists.flat().length === count));
    await say(range(20));
    await haveCome(20);

    const inbox = inboxChannel(CHANNEL, 'app', goes.instance);
    await proxy.refuse();
    await until(async () => (await listeners(inbox)) === 0);
    const before = [noted, paid, worked].map(([, list]) => list?.length);
    await say(range(20, 20));
    await haveCome(40);
    expect([noted, paid, worked].map(([, list]) => list?.length)).toEqual(before);
    expect((await places())[0]).toBe(1);
    await proxy.accept();

    await until(async () => (await listeners(inbox)) === 1 && (await places()).every((count) => count === 2));
    await say(range(40, 40));
    await haveCome(80);
    for (const lists of all) expect(lists.flat().sort((a, b) => a - b)).toEqual(range(80));
    for (const list of [...noted, ...worked]) expect(list.some((n) => n >= 40)).toBe(true);
  });
});

describe('what is changed while Redis is away', { timeout: 60_000 }, () => {
  let redis: RedisServer;
  let proxy: TcpProxy;
  let admin: Redis;
  beforeEach(async () => {
    redis = await startOwnRedis();
    proxy = await startProxyTo(redis.url);
    admin = connectTo(redis.url);
  });
  const listenedTo = async (): Promise<string[]> => {
    const [sharded, classic] = await Promise.all([admin.call('PUBSUB', 'SHARDCHANNELS'), admin.pubsub('CHANNELS')]);
    const own = (sharded as string[]).filter((name) => !name.endsWith(':probe'));
    return [...own, ...(classic as string[])].filter((name) => !name.startsWith('__redis__')).sort();
  };

  it('holds when it is back: what was ended stays ended, what was begun is there once', async () => {
    const logger = collectingLogger();
    const bus = startBus('app', { url: proxy.url, subscribePatience: 10_000 }, { logger });
    const ended = await Promise.all([
      bus.subscribe(OrderPlaced, () => {}),
      bus.subscribe(OrderPlaced, () => {}, { broadcast: true }),
      bus.subscribe(OrderPaid, () => {}),
      bus.subscribe('*.placed', () => {}),
      bus.respond(DoWork, ({ n }) => ({ n, by: '' })),
    ]);
    const before = await listenedTo();
    expect(before).toHaveLength(6); // with the inbox for what concerns requests, and the word that it reads frames of version 2
    await proxy.refuse();
    await until(() => logger.lines.filter((line) => line.includes('Redis is away')).length === 2);
    const noted: number[] = [];
    const audit = bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n), { group: 'audit' });
    const everyone = bus.subscribe(OrderPlaced, ({ n }) => void noted.push(n), { broadcast: true });
    await Promise.all(ended.slice(0, 2).map((each) => each.end()));
    await Promise.all(ended.slice(3).map((each) => each.end()));
    await proxy.accept();
    await Promise.all([audit, everyone]);
    await ended[2]?.end();
    await until(async () => (await admin.hget(membersKey(CHANNEL), 'app')) === '');
    const left = [
      `${CHANNEL}}:all`,
      `${CHANNEL}}:all:02`,
      `${CHANNEL}}:inbox:audit:${bus.instance}`,
      `belfry:app/${bus.instance}}:inbox`,
    ];
    expect(await listenedTo()).toEqual(left.map((name) => `belfry:{${name}`).sort());
    expect(await admin.pubsub('NUMPAT')).toBe(0);
    expect(await bus.publish(OrderPlaced, { n: 1 })).toEqual({ broadcast: 1, groups: { app: 0, audit: 1 } });
    await until(() => noted.length === 2);
    await expect(bus.request(DoWork, { n: 1 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
  });

  it('and the end of a bus: it comes in time, and leaves nothing that would come back', async () => {
    const bus = startBus('app', { url: proxy.url });
    await note(bus);
    await note(bus, { broadcast: true });
    await bus.subscribe(OrderPaid, () => {});
    await bus.respond(DoWork, ({ n }) => ({ n, by: '' }));
    await bus.request(DoWork, { n: 1 });
    await redis.kill('SIGSTOP');
    const waiting = [
      bus.publish(OrderPlaced, { n: 1 }),
      bus.publish(OrderPaid, { n: 2 }),
      bus.request(DoWork, { n: 3 }),
    ];
    const settled = Promise.allSettled(waiting);
    const began = performance.now();
    await bus.close({ timeout: 500 });
    expect(performance.now() - began).toBeLessThan(8000); // half a second, 5 s more, and what a busy machine needs
    expect((await settled).map(({ status }) => status)).toEqual(waiting.map(() => 'rejected'));
    await redis.kill('SIGCONT');
    await until(async () => !String(await admin.client('LIST')).includes('name=belfry'));
    expect(await listenedTo()).toEqual([]);
  });
});
