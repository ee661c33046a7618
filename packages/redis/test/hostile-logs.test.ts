import { defineEvent } from '@belfry/contracts';
import { uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { broadcastChannel, deadKey, inboxChannel, logKey } from '../src/names.js';
import { callsOf, connectTo, startOwnRedis, until } from './durable-world.js';
import { sendAll } from './hostile/bombard.js';
import { bombardLog } from './hostile/bombard-logs.js';
import { breakAndMend, breakages, KEYS, Logged } from './hostile/broken-keys.js';
import { Corpus, SECRET } from './hostile/corpus.js';
import { Random } from '@belfry/core/random';
import { noted, startStranger, targetOf } from './hostile/hostile-world.js';
import { ProcessWatch } from './hostile/watch.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const LIMIT = 20_000;

describe('strangers who write to the log of a durable event', () => {
  it.each([1, 2])('reach handlers with what is good; all else is a dead letter (seed %i)', async (seed) => {
    await bombardLog(startStranger(), seed, 200, LIMIT);
  });

  it.each(['abc', '', '0', '-5', 'nan', 'inf', '1e9', '99999999999999999999'])(
    'do not keep a new group from starting, nor make it believe a loss, with a first entry that calls itself number %j',
    async (n) => {
      const [stranger, namespace] = [startStranger(), uniqueNamespace()];
      const publisher = startBus('shop', { url: sharedUrl }, { namespace });
      const key = logKey(`${namespace}:${Logged.name}`);
      const good = new Corpus(new Random(1), targetOf(Logged, LIMIT)).good(7);
      await stranger.xadd(key, '*', 'e', good, 'n', n);
      await publisher.publish(Logged, { n: 1 });
      const app = startBus('app', { url: sharedUrl }, { namespace });
      const handled: number[] = [];
      const { stats } = await app.subscribe(Logged, (event) => void handled.push(event.n), { from: 'start' });
      await publisher.publish(Logged, { n: 2 });
      await until(() => handled.length === 3);
      expect(handled.toSorted()).toEqual([1, 2, 7]);
      expect(stats.durable).toMatchObject({ lost: 0 });
    },
  );

  it.each([[['n', '399']], [['n', '400']], [[]], [['n', 'inf']], [['n', '-1e9']]])(
    'do not have anything trimmed that is not acknowledged: an entry with %j',
    async (fields) => {
      const [stranger, namespace] = [startStranger(), uniqueNamespace()];
      const Kept = defineEvent('hostile.kept', {
        schema: noted,
        guarantee: 'durable',
        retain: { age: '1d', count: 1 },
      });
      const publisher = startBus('shop', { url: sharedUrl }, { namespace });
      const key = logKey(`${namespace}:${Kept.name}`);
      await stranger.xgroup('CREATE', key, 'away', '0', 'MKSTREAM');
      await stranger.xadd(key, '*', 'e', SECRET, ...fields);
      await Promise.all(range(399).map((n) => publisher.publish(Kept, { n })));
      await startBus('app', { url: sharedUrl }, { namespace }).subscribe(Kept, () => {}); // it looks after the log
      await until(async () => ((await stranger.xinfo('GROUPS', key)) as unknown[]).length === 2);
      await startBus('app2', { url: sharedUrl }, { namespace }).subscribe(Kept, () => {});
      expect(await publisher.inspect(Kept).groups()).toMatchObject([
        { group: 'app' },
        { group: 'app2' },
        { group: 'away' },
      ]);
      expect(await stranger.xlen(key)).toBe(400);
    },
  );

  it('may ring as often as they like: that costs a few looks, and the next event is handled', async () => {
    const server = await startOwnRedis();
    const [watch, redis, namespace, logger] = [
      new ProcessWatch(),
      connectTo(server.url),
      uniqueNamespace(),
      collectingLogger(),
    ];
    const bus = startBus('app', { url: server.url }, { namespace, logger });
    const channel = `${namespace}:${Logged.name}`;
    const handled: number[] = [];
    const { stats } = await bus.subscribe(Logged, ({ n }) => void handled.push(n));
    await bus.subscribe(Logged, () => {}, { broadcast: true });
    await bus.publish(Logged, { n: 1 });
    await until(() => handled.length === 1);
    const before = await callsOf(redis, 'evalsha');
    const inbox = inboxChannel(channel, 'app', bus.instance);
    const ring = "for i = 1, 5000 do redis.call('SPUBLISH', ARGV[1], '!') redis.call('PUBLISH', ARGV[2], '!') end";
    await redis.eval(ring, 0, inbox, broadcastChannel(channel)); // all of them at the same time
    await sendAll(
      redis,
      'SPUBLISH',
      inbox,
      ['!!', '!\n', ' !', `\x1e${'!\n\x1e'.repeat(99)}`].map((each) => Buffer.from(each)),
    );
    await bus.publish(Logged, { n: 2 });
    await until(() => handled.length === 2 && stats.rejected.wrongContract === 3);
    expect((await callsOf(redis, 'evalsha')) - before).toBeLessThan(1000);
    expect(stats).toMatchObject({ received: 5, handled: 2 });
    watch.expectUnharmed();
    watch.expectDiscreet(logger.lines, 2);
  });

  it('can put anything among the dead letters: they can be listed, shown and purged all the same', async () => {
    const [stranger, namespace] = [startStranger(), uniqueNamespace()];
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    await bus.subscribe(Logged, () => {});
    const key = deadKey(`${namespace}:${Logged.name}`, 'app');
    await stranger.xadd(key, '*', 'hello', SECRET);
    await stranger.xadd(
      key,
      '*',
      'e',
      '{}',
      'attempts',
      'many',
      'first',
      '1e308',
      'code',
      '',
      'id',
      '__proto__',
      'k',
      '\0',
    );
    await stranger.xadd(key, '*', 'e', '['.repeat(100_000), 'attempts', '-1', '__proto__', 'x');
    const letters = bus.inspect(Logged).deadLetters('app');
    const listed = await letters.list();
    expect(listed).toHaveLength(3);
    expect(listed.map(({ envelope }) => envelope)).toEqual([undefined, undefined, undefined]);
    expect(await letters.show(listed[1]!.id)).toMatchObject({ body: '{}', entry: '__proto__', key: '\0' });
    const { replayed, refused } = await letters.replay('all');
    expect([replayed, refused.length]).toEqual([0, 3]);
    expect(await letters.purge('all')).toBe(3);
  });
});

describe('a key of a durable channel', () => {
  it('that holds something else stops nobody for longer than that, and nothing is lost', async () => {
    const [watch, redis] = [new ProcessWatch(), startStranger()];
    const outcomes = await Promise.allSettled(KEYS.map((key) => breakAndMend(redis, key, breakages['a text']!)));
    const wrong = outcomes.flatMap((outcome, i) => (outcome.status === 'rejected' ? [[KEYS[i], outcome.reason]] : []));
    expect(wrong.map(([key, { message, actual }]) => ({ key, message, actual }))).toEqual([]);
    watch.expectUnharmed();
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') watch.expectDiscreet(outcome.value, 3);
  });

  describe('in which strangers have written', () => {
    let redis: Redis;
    let namespace: string;
    beforeEach(() => {
      redis = startStranger();
      namespace = uniqueNamespace();
    });
    const nameOf = (end: string) => `belfry:{${namespace}:${Logged.name}}:${end}`;
    const text = (key: string) => `1 1 ${SECRET}.0 1 =${key}`;

    it.each<[key: string, write: (key: string) => Promise<unknown>]>([
      ['work:app', (key) => redis.hset(key, SECRET, SECRET, '1-1', '', '2-2', 'x y z', '3-3', text('k'))],
      ['rest:app', (key) => redis.hset(key, SECRET, SECRET, '1-1', '', '2-2', 'x y z')],
      ['due:app', (key) => redis.zadd(key, '-inf', SECRET, 0, '1-1', 1, 'a b', '+inf', 'never')],
      ['busy:app', (key) => redis.hset(key, SECRET, SECRET, '', '', '__proto__', '1-1')],
      ['lane:app:k 2', (key) => redis.rpush(key, SECRET, '', '1', '__proto__')],
      ['seen:app', (key) => redis.zadd(key, '-inf', SECRET, 0, '', '+inf', ' ', 1, `${SECRET}.0`)],
      [
        'bells',
        (key) =>
          redis.hset(key, 'app', `${SECRET} ${'x '.repeat(1000)}\0 {} `, '__proto__', 'x ', '', '', SECRET, SECRET),
      ],
      ['later', (key) => redis.zadd(key, '-inf', SECRET, 0, '', '+inf', 'never')],
      ['later:bodies', (key) => redis.hset(key, SECRET, SECRET, '', '')],
      ['about', (key) => redis.hset(key, SECRET, SECRET, 'epoch ', '')],
      [
        'state:app',
        (key) => redis.hset(key, 'parked', '1000000000', 'token', '1e308', 'ordinal', SECRET, 'at', SECRET),
      ],
      [
        'members',
        (key) => redis.hset(key, SECRET, 'x', '__proto__', 'y'.repeat(18), 'audit', 'z'.repeat(1800), '', ''),
      ],
      ['stamps', (key) => redis.zadd(key, '-inf', SECRET, 0, '', '+inf', ' ', 1, 'app 00000000000000ff', 2, 'app ')],
    ])('%s does not keep what is published then from being handled, once', async (key, write) => {
      const [watch, logger] = [new ProcessWatch(), collectingLogger()];
      const bus = startBus('app', { url: sharedUrl, heartbeat: '200ms' }, { namespace, logger });
      const [handled, read]: number[][] = [[], []];
      const backoff = { delay: 100, jitter: 0 };
      const failing = ({ n }: { n: number }) => {
        handled!.push(n);
        if (n === 1 && handled!.filter((each) => each === 1).length === 1) throw new Error('not yet');
      };
      const { stats } = await bus.subscribe(Logged, failing, { retry: { attempts: 3, backoff } });
      await bus.subscribe(Logged, ({ n }) => void read!.push(n), { broadcast: true });
      await bus.publish(Logged, { n: 1 });
      await until(() => handled!.length === 1);
      await write(nameOf(key));
      await Promise.all(range(20, 2).map((n) => bus.publish(Logged, { n }, { key: `k ${n % 3}` })));
      await bus.publish(Logged, { n: 22 }, { delay: 100 });
      await until(() => handled!.length >= 23 && read!.length >= 22);
      expect(handled!.toSorted()).toEqual([1, ...range(22, 1)].toSorted());
      await until(
        async () =>
          stats.inFlight === 0 && (await redis.xpending(logKey(`${namespace}:${Logged.name}`), 'app'))[0] === 0,
      );
      // Something that was delayed and has no envelope is a loss, whoever wrote it.
      const lost = key === 'later' ? 2 : 0;
      expect(stats).toMatchObject({ handled: 22, failed: 1, durable: { claimsLost: 0, lost } });
      watch.expectUnharmed();
      expect(logger.lines.filter((line) => line.includes(SECRET))).toEqual([]);
    });
  });

  it('in which something is due that never comes makes nobody look for it without a pause', async () => {
    const server = await startOwnRedis();
    const [redis, namespace] = [connectTo(server.url), uniqueNamespace()];
    const bus = startBus('app', { url: server.url }, { namespace });
    const handled: number[] = [];
    await bus.subscribe(Logged, ({ n }) => void handled.push(n));
    await bus.subscribe(Logged, () => {}, { broadcast: true });
    for (const end of ['due:app', 'later'])
      await redis.zadd(`belfry:{${namespace}:${Logged.name}}:${end}`, '+inf', 'never');
    await bus.publish(Logged, { n: 1 });
    await until(() => handled.length === 1);
    const [calls, began] = [await callsOf(redis, 'evalsha'), performance.now()];
    await until(() => performance.now() - began > 500);
    expect((await callsOf(redis, 'evalsha')) - calls).toBeLessThan(20);
  });

  it('that is broken where a commit is settled does not have the commit done twice', async () => {
    const [redis, namespace] = [startStranger(), uniqueNamespace()];
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    const channel = `${namespace}:${Logged.name}`;
    const counter = `belfry:{${channel}}:test-counter`;
    let committed = 0;
    const handler = async (
      { n }: { n: number },
      { commit }: { commit: (command: [string, string]) => Promise<void> },
    ) => {
      if (n === 2) throw Object.assign(new Error('to the dead letters'), { retryable: false });
      await commit(['INCR', counter]);
      committed++;
    };
    await bus.subscribe(Logged, handler as never);
    await redis.set(deadKey(channel, 'app'), SECRET);
    await Promise.all(range(20, 1).map((n) => bus.publish(Logged, { n })));
    await until(async () => Number(await redis.get(counter)) > 0 || committed > 0, 1000).catch(() => {});
    await redis.del(deadKey(channel, 'app'));
    await until(async () => (await redis.xlen(deadKey(channel, 'app'))) === 1 && committed === 19);
    expect(await redis.get(counter)).toBe('19');
    await redis.del(counter);
  });
});
