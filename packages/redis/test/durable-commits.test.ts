import { defineEvent, NonRetryableError } from '@belfry/contracts';
import type { Bus, Command, MessageContext } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectTo, leftIn, OrderPaid, startOwnRedis, until } from './durable-world.js';
import { range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());
const codeOf = (error: unknown) => (error as { code?: unknown }).code;
const retry = { attempts: 3, backoff: { type: 'fixed', delay: 20, jitter: 0 } } as const;

/** An id may be published again at once: only `once` is left to drop it. */
const PaymentTaken = defineEvent('payments.taken', {
  schema: z.object({ n: z.number() }),
  guarantee: 'durable',
  duplicateWindow: 1,
});
const publishAnew = (bus: Bus, n: number, id = 'the-same') =>
  until(async () => !(await bus.publish(PaymentTaken, { n }, { id })).duplicate);

describe('a commit', () => {
  let namespace: string;
  let counts: string;
  beforeEach(() => {
    namespace = uniqueNamespace();
    counts = `${namespace}:counts`;
  });
  const nothingIsLeft = () => until(async () => (await leftIn(admin, `${namespace}:orders.paid`, 'app')) === 0);

  it('takes effect together with the acknowledgement, and what the handler throws afterwards changes nothing', async () => {
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    let attempts = 0;
    const subscription = await bus.subscribe(OrderPaid, async ({ n }, { commit }) => {
      attempts++;
      await commit(['HINCRBY', counts, 'paid', n], ['SET', `${counts}:last`, 'Zürich "☃" \\ \u0000.', 'EX', 60]);
      throw new Error('Too late.');
    });
    await Promise.all(range(10, 1).map((n) => bus.publish(OrderPaid, { n })));
    await until(() => attempts === 10);
    await nothingIsLeft();
    expect(await admin.hget(counts, 'paid')).toBe('55');
    expect(await admin.get(`${counts}:last`)).toBe('Zürich "☃" \\ \u0000.');
    expect(subscription.stats.durable).toMatchObject({ retried: 0, deadLettered: 0 });
    expect(await bus.inspect(OrderPaid).deadLetters('app').list()).toEqual([]);
  });

  it('that Redis refuses acknowledges nothing: the event is tried again, and done when it is put right', async () => {
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    await admin.set(counts, 'no hash');
    const refusals: unknown[] = [];
    await bus.subscribe(
      OrderPaid,
      async ({ n }, { commit, attempt }) => {
        if (attempt === 3) await admin.del(counts);
        await commit(['HINCRBY', counts, 'paid', n]).catch((error: unknown) => {
          refusals.push([codeOf(error), attempt]);
          throw error;
        });
      },
      { retry },
    );
    await bus.publish(OrderPaid, { n: 7 });
    await until(async () => (await admin.type(counts)) === 'hash');
    await nothingIsLeft();
    expect(refusals).toEqual([
      ['COMMIT_REFUSED', 1],
      ['COMMIT_REFUSED', 2],
    ]);
    expect(await admin.hget(counts, 'paid')).toBe('7');
  });

  it.each<[what: string, command: Command, says: string]>([
    ['a key of another type', ['HINCRBY', 'text', 'paid', 1], 'WRONGTYPE'],
    ['a command that there is not', ['HINCREASE', 'counts', 'paid', 1], 'command 2 of 3'],
    ['a script', ['EVAL', 'return 1', 0], 'command 2 of 3'],
    ['what would wait', ['SUBSCRIBE', 'news'], 'command 2 of 3'],
    ['too few arguments', ['HSET', 'counts'], 'command 2 of 3'],
  ])('refused for %s goes to the dead letters with the reason, when it stays so', async (_, command, says) => {
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    await admin.set('text', 'no hash', 'EX', 60);
    const after = `${namespace}:after`;
    await bus.subscribe(OrderPaid, (_, { commit }) => commit(['INCR', counts], command, ['INCR', after]), {
      retry: { attempts: 1 },
    });
    await bus.publish(OrderPaid, { n: 1 });
    const dead = () => bus.inspect(OrderPaid).deadLetters('app').list();
    await until(async () => (await dead()).length === 1);
    const [letter] = await dead();
    expect(letter).toMatchObject({ code: 'COMMIT_REFUSED', attempts: 1 });
    expect(letter?.message).toContain(says);
    expect(await admin.mget(counts, after)).toEqual(['1', null]); // Redis does not roll back, and goes no further
    await nothingIsLeft();
  });

  it('marks the event as completed in the same step', async () => {
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    const subscription = await bus.subscribe(PaymentTaken, (_, { commit }) => commit(['INCR', counts]), { once: '1m' });
    for (const n of range(5)) {
      await publishAnew(bus, n);
      await until(async () => (await admin.get(counts)) === '1' && (subscription.stats.durable?.repeated ?? 0) >= n);
    }
    expect(await admin.get(counts)).toBe('1');
    expect(subscription.stats.handled).toBe(1);
  });
});

describe('once', () => {
  it('drops what the group has completed, until its mark expires', async () => {
    const namespace = uniqueNamespace();
    const bus = startBus('app', { url: sharedUrl }, { namespace });
    const handled: number[] = [];
    const subscription = await bus.subscribe(PaymentTaken, ({ n }) => void handled.push(n), { once: '1m' });
    await publishAnew(bus, 1);
    const mark = `belfry:{${namespace}:payments.taken}:once:app:the-same`;
    await until(async () => (await admin.pttl(mark)) > 0);
    expect(await admin.pttl(mark)).toBeLessThanOrEqual(60_000);
    await publishAnew(bus, 2);
    await publishAnew(bus, 3, 'another');
    await until(() => handled.length === 2);
    expect(handled).toEqual([1, 3]);
    expect(subscription.stats.durable?.repeated).toBe(1);
    await admin.pexpire(mark, 1);
    await until(async () => (await admin.exists(mark)) === 0);
    await publishAnew(bus, 4);
    await until(() => handled.length === 3);
    expect(handled).toEqual([1, 3, 4]);
  });

  it('does not drop what has failed, or what another group has completed', async () => {
    const namespace = uniqueNamespace();
    const handled: string[] = [];
    for (const group of ['billing', 'audit']) {
      const bus = startBus(group, { url: sharedUrl }, { namespace });
      const handle = ({ n }: { n: number }, { attempt }: MessageContext) => {
        if (group === 'audit' && attempt === 1) throw new Error('It fails at first.');
        handled.push(`${group} ${n}`);
      };
      await bus.subscribe(PaymentTaken, handle, { once: '1m', retry });
    }
    await publishAnew(startBus('publisher', { url: sharedUrl }, { namespace }), 1);
    await until(() => handled.length === 2);
    expect(handled.sort()).toEqual(['audit 1', 'billing 1']);
  });
});

describe('dead letters', () => {
  it('outlive Redis, and go back to their group alone, with their ids and new attempts', async () => {
    const redis = await startOwnRedis({ appendonly: 'yes', appendfsync: 'always' });
    const options = { url: redis.url, heartbeat: 500 };
    const [billing, audit] = ['billing', 'audit'].map((name) => startBus(name, options));
    const handled: [group: string, id: string, attempt: number][] = [];
    let isMended = false;
    const handle =
      (group: string) =>
      (_: { n: number }, { messageId, attempt }: MessageContext) => {
        if (group === 'billing' && !isMended) throw new NonRetryableError('There is no account.');
        handled.push([group, messageId, attempt]);
      };
    await billing?.subscribe(OrderPaid, handle('billing'), { claimTimeout: 900 });
    await audit?.subscribe(OrderPaid, handle('audit'), { claimTimeout: 900 });
    await Promise.all(range(5).map((n) => audit?.publish(OrderPaid, { n }, { id: `paid-${n}`, key: 'k' })));
    const letters = audit?.inspect(OrderPaid).deadLetters('billing');
    await until(async () => (await letters?.list())?.length === 5 && handled.length === 5);
    await redis.kill('SIGKILL');
    await redis.restart({ empty: false });
    isMended = true;
    const list = (await letters?.list()) ?? [];
    expect(list.map(({ envelope }) => envelope?.id)).toEqual(range(5).map((n) => `paid-${n}`));
    expect(list[0]).toMatchObject({ code: 'HANDLER_FAILED', attempts: 1, key: 'k' });
    expect(list[0]?.message).toContain('There is no account.');
    expect(await letters?.purge(String(list[4]?.id))).toBe(1);
    expect(await letters?.replay('all')).toEqual({ replayed: 4, refused: [], missing: [] });
    await until(() => handled.length === 9);
    expect(handled.slice(5)).toEqual(range(4).map((n) => ['billing', `paid-${n}`, 1]));
    const client = connectTo(redis.url);
    for (const group of ['billing', 'audit'])
      await until(async () => (await leftIn(client, 'belfry:orders.paid', group)) === 0);
    expect(handled).toHaveLength(9);
    expect(await letters?.list()).toEqual([]);
  });
});
