import { type AnyContract, defineEvent, type EventContract } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TurnedClock, watched } from '../../test/doubles.js';
import { until } from '../conformance/waiting.js';
import { wholeEnvelopes } from '../../test/whole-envelope.js';
import { Broker } from '../memory/broker.js';
import { MemoryDurability } from '../memory/memory-durability.js';
import { Turn } from '../memory/turn.js';
import { inspect } from './inspection.js';

const CHANNEL = 'shop:orders.placed';
const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ total: z.number() }), guarantee: 'durable' });
const encode = wholeEnvelopes('/shop/1', 'orders.placed', 1);

/** A log in memory, with the group `billing` on it, and a look into it by contract and by name. */
function logWith() {
  const clock = new TurnedClock();
  const broker = new Broker();
  const durable = new MemoryDurability({
    broker,
    turn: new Turn(),
    now: () => clock.now(),
    run: () => undefined,
    closed: () => undefined,
  });
  let ids = 0;
  const append = async (data: unknown = { total: 1 }, body?: string) => {
    const messageId = `m-${ids++}`;
    const event = body ?? encode({ id: messageId, time: clock.now() }, JSON.stringify(data));
    await durable.append({
      channel: CHANNEL,
      body: event,
      key: 'ann',
      messageId,
      window: undefined,
      delay: undefined,
      cap: undefined,
    });
  };
  /** One call of an instance of the group that holds nothing. */
  const work = (settlements: Parameters<typeof durable.work>[0]['settlements'], room: number, group = 'billing') =>
    durable.work({
      channel: CHANNEL,
      group,
      instance: 'i1',
      holder: 'i1.0',
      holding: settlements.length,
      settlements,
      room,
      claimTimeout: 30_000,
      once: false,
    });
  /** Gives up the next entry. */
  const bury = async (code = 'HANDLER_FAILED') => {
    const { deliveries } = await work([], 1);
    const [{ id, token }] = deliveries as [(typeof deliveries)[number]];
    await clock.turn(1000);
    await work([{ id, token, outcome: 'dead', reason: { code, message: `no: ${token}` } }], 0);
  };
  const fill = async (count: number, data?: unknown) => {
    for (let n = 0; n < count; n++) await append(data);
    for (let n = 0; n < count; n++) await bury();
  };
  const inspection = inspect(durable, CHANNEL, OrderPlaced as AnyContract as EventContract, clock);
  const dead = inspection.deadLetters('billing');
  const idsOf = async () => (await dead.list()).map(({ id }) => id);
  return { clock, broker, durable, append, work, bury, fill, inspection, dead, idsOf };
}

const join = (broker: Broker, group: string, instance = 'i1') => {
  const listener = { instance, deliver: () => {} };
  const source = { kind: 'group', channel: CHANNEL, group } as const;
  broker.add(source, listener);
  return () => broker.remove(source, listener, 0);
};

describe('an inspection', () => {
  it('shows how each group stands, by name', async () => {
    const { inspection, durable, append, work, clock } = logWith();
    await durable.createGroup(CHANNEL, 'billing', 'start');
    await durable.createGroup(CHANNEL, 'audit', 'start');
    await append();
    await append();
    await work([], 1);
    await clock.turn(500);
    expect(inspection.channel).toBe(CHANNEL);
    expect(await inspection.groups()).toEqual([
      expect.objectContaining({ group: 'audit', lag: 2, pending: 0, oldestAge: 500 }),
      expect.objectContaining({ group: 'billing', lag: 1, pending: 1, oldestAge: 500, idle: 500, deadLetters: 0 }),
    ]);
  });

  it('trims nothing by that', async () => {
    const { inspection, append, clock, durable } = logWith();
    await append();
    await clock.turn(86_400_000 * 3);
    await inspection.groups();
    expect((await durable.read(CHANNEL, '', '', 10)).entries).toHaveLength(1);
  });

  it('removes a group that has no members, with its dead letters', async () => {
    const { inspection, fill, dead } = logWith();
    await fill(1);
    expect(await inspection.removeGroup('billing')).toBe(true);
    expect(await inspection.groups()).toEqual([]);
    expect(await dead.list()).toEqual([]);
    expect(await inspection.removeGroup('billing')).toBe(false);
  });

  it.each([
    [1, '1 member'],
    [2, '2 members'],
  ])('leaves a group alone that has %i', async (count, members) => {
    const { inspection, broker, fill, idsOf } = logWith();
    await fill(1);
    for (let n = 0; n < count; n++) join(broker, 'billing', `i${n}`);
    await expect(inspection.removeGroup('billing')).rejects.toMatchObject({
      code: 'GROUP_BUSY',
      message: expect.stringContaining(`has ${members}, and stays`),
    });
    expect(await idsOf()).toHaveLength(1);
  });
});

describe('dead letters', () => {
  it('are listed with the oldest first, and everything that is known of them', async () => {
    const { dead, append, bury } = logWith();
    await append({ total: 1 });
    await append({ total: 2 });
    await bury('TIMEOUT');
    await bury();
    const [first, second] = await dead.list();
    expect(first).toEqual({
      id: '1',
      entry: '1000000-1',
      code: 'TIMEOUT',
      message: 'no: 1',
      attempts: 1,
      firstAt: new Date(1_000_000),
      lastAt: new Date(1_001_000),
      key: 'ann',
      body: expect.stringContaining('"id":"m-0"'),
      envelope: expect.objectContaining({ id: 'm-0', type: 'orders.placed', data: { total: 1 } }),
    });
    expect(second).toMatchObject({ id: '2', code: 'HANDLER_FAILED', envelope: { id: 'm-1' } });
  });

  it('are listed page by page', async () => {
    const { dead, fill } = logWith();
    await fill(5);
    const pages: string[][] = [];
    for (let after: string | undefined; ; ) {
      const page = await dead.list({ ...(after === undefined ? {} : { after }), limit: 2 });
      if (page.length === 0) break;
      pages.push(page.map(({ id }) => id));
      after = page.at(-1)!.id;
    }
    expect(pages).toEqual([['1', '2'], ['3', '4'], ['5']]);
  });

  it.each([0, 1.5, Number.NaN, '5' as unknown as number])('refuse a limit of %j', async (limit) => {
    await expect(logWith().dead.list({ limit })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('are shown one by one', async () => {
    const { dead, fill } = logWith();
    await fill(2);
    expect(await dead.show('2')).toMatchObject({ id: '2' });
    expect(await dead.show('3')).toBeUndefined();
  });

  it('are shown also when they are no envelopes', async () => {
    const { dead, append, bury } = logWith();
    await append(undefined, 'hello');
    await bury('ENVELOPE_INVALID');
    expect(await dead.show('1')).toMatchObject({ body: 'hello', envelope: undefined });
  });

  it('are nobody else’s', async () => {
    const { inspection, fill } = logWith();
    await fill(1);
    const others = inspection.deadLetters('audit');
    expect(await others.list()).toEqual([]);
    expect(await others.show('1')).toBeUndefined();
    expect(await others.replay('1')).toEqual({ replayed: 0, refused: [], missing: ['1'] });
    expect(await others.purge('all')).toBe(0);
  });
});

describe('a replay', () => {
  it('gives dead letters to the group again, and to no other, with their ids and new attempts', async () => {
    const { dead, fill, work, idsOf } = logWith();
    await fill(3);
    await work([], 100, 'audit');
    expect(await dead.replay(['1', '3'])).toEqual({ replayed: 2, refused: [], missing: [] });
    expect(await idsOf()).toEqual(['2']);
    const { deliveries } = await work([], 100);
    expect(deliveries, 'of the same key').toMatchObject([{ attempt: 1, key: 'ann' }]);
    expect(JSON.parse(deliveries[0]!.body)).toMatchObject({ id: 'm-0' });
    expect((await work([], 100, 'audit')).deliveries).toEqual([]);
  });

  it.each<[string, string | string[] | 'all', string[]]>([
    ['one', '2', ['1', '3']],
    ['some', ['1', '2'], ['3']],
    ['all', 'all', []],
    ['none', [], ['1', '2', '3']],
  ])('takes %s', async (_, which, left) => {
    const { dead, fill, idsOf } = logWith();
    await fill(3);
    expect(await dead.replay(which)).toEqual({ replayed: 3 - left.length, refused: [], missing: [] });
    expect(await idsOf()).toEqual(left);
  });

  it('says which are not there, and takes none of them twice', async () => {
    const { dead, fill } = logWith();
    await fill(2);
    expect(await dead.replay(['1', '7', '1'])).toEqual({ replayed: 1, refused: [], missing: ['7'] });
  });

  it('refuses what does not fit the contract of today, says why, and leaves it where it is', async () => {
    const { dead, append, bury, idsOf } = logWith();
    await append({ total: 'seven' });
    await append({ total: 7 });
    await append(undefined, 'hello');
    for (let n = 0; n < 3; n++) await bury();
    const { replayed, refused } = await dead.replay('all');
    expect(replayed).toBe(1);
    expect(refused).toEqual([
      { id: '1', issues: [expect.objectContaining({ path: 'total' })] },
      { id: '3', issues: [{ message: expect.stringContaining('not JSON') }] },
    ]);
    expect(await idsOf()).toEqual(['1', '3']);
  });

  it('takes everything where no contract was given', async () => {
    const { durable, clock, append, bury } = logWith();
    await append(undefined, 'hello');
    await bury();
    const byName = inspect(durable, CHANNEL, undefined, clock).deadLetters('billing');
    expect(await byName.replay('all')).toEqual({ replayed: 1, refused: [], missing: [] });
  });

  it.each([
    [50, 25, [5, 5, 5, 5, 5], [0, 100, 200, 300, 400]],
    [100, 12, [10, 2], [0, 20]],
    [0.5, 3, [1, 1, 1], [0, 2000, 4000]],
  ])('takes no more than %f in a second', async (perSecond, count, sizes, times) => {
    const { dead, fill, clock, durable } = logWith();
    await fill(count);
    const began = clock.time;
    const calls: { size: number; at: number }[] = [];
    const { replay } = durable;
    durable.replay = (channel, group, ids) => {
      calls.push({ size: ids.length, at: clock.time - began });
      return replay.call(durable, channel, group, ids);
    };
    const report = watched(dead.replay('all', { perSecond }));
    while (!report.isSettled) {
      await until(() => report.isSettled || clock.timers > 0, 'the next pause');
      await clock.turn(10);
    }
    expect(report.value).toEqual({ replayed: count, refused: [], missing: [] });
    expect(calls).toEqual(sizes.map((size, n) => ({ size, at: times[n] })));
  });

  it('takes more than one page of them, and none that come while it runs', async () => {
    const { dead, fill, clock, durable, idsOf } = logWith();
    await fill(150);
    const { replay } = durable;
    let isFirst = true;
    durable.replay = async (channel, group, ids) => {
      const count = await replay.call(durable, channel, group, ids);
      if (isFirst) {
        isFirst = false;
        await fill(3);
      }
      return count;
    };
    const report = watched(dead.replay('all', { perSecond: 10_000 }));
    while (!report.isSettled) {
      await until(() => report.isSettled || clock.timers > 0, 'the next pause');
      await clock.turn(100);
    }
    expect(report.value?.replayed).toBe(150);
    expect(await idsOf()).toHaveLength(3);
  });

  it.each([0, -1, Number.POSITIVE_INFINITY, '5' as unknown as number])('refuses %j in a second', async (perSecond) => {
    const { dead, fill, idsOf } = logWith();
    await fill(1);
    await expect(dead.replay('all', { perSecond })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    expect(await idsOf()).toEqual(['1']);
  });
});

describe('a purge', () => {
  it.each<[string, string | string[] | 'all', string[]]>([
    ['one', '2', ['1', '3']],
    ['some, and says how many there were', ['1', '2', '9'], ['3']],
    ['all', 'all', []],
    ['none', [], ['1', '2', '3']],
  ])('deletes %s', async (_, which, left) => {
    const { dead, fill, idsOf } = logWith();
    await fill(3);
    expect(await dead.purge(which)).toBe(3 - left.length);
    expect(await idsOf()).toEqual(left);
  });
});
