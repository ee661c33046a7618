import type { Settlement } from '@belfry/core';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { dead, done, ONE, ScriptedLog, TWO } from '../test/scripted-log.js';
import { range, sharedUrl } from '../test/world.js';
import { deadKey, logKey } from './names.js';

const redis = new Redis(sharedUrl);
afterAll(() => redis.disconnect());

describe('work.lua', () => {
  let log: ScriptedLog;
  beforeEach(async () => {
    log = new ScriptedLog(redis);
    await log.makeGroup();
  });

  it('gives so much as there is room for, in order, and says whether there is more', async () => {
    const entries = await log.append(range(5).map((n) => ({ body: `{"n":${n}}` })));
    const first = await log.work([], { room: 3 });
    expect(first.deliveries.map(({ id, attempt, key }) => [id, attempt, key])).toEqual(
      entries.slice(0, 3).map((id) => [id, 1, undefined]),
    );
    expect(first).toMatchObject({ more: true, lapsed: false, refused: [], lost: 0 });
    const second = await log.work(first.deliveries.map(done), { room: 3 });
    expect(second.deliveries.map(({ body }) => body)).toEqual(['{"n":3}', '{"n":4}']);
    expect(second.more).toBe(false);
    await log.work(second.deliveries.map(done));
    expect(await log.pending()).toBe(0);
    expect(await redis.exists(log.key('work:app'), log.key('rest:app'), log.key('due:app'), log.key('busy:app'))).toBe(
      0,
    );
  });

  it('gives tokens that go up, also when it has lost its counter', async () => {
    await log.append(range(4).map(() => ({})));
    const [first, second] = await log.take(2);
    await redis.del(log.key('state:app'));
    log.now++;
    const [third] = await log.take(1);
    expect(second!.token).toBeGreaterThan(first!.token);
    expect(third!.token).toBeGreaterThan(second!.token);
  });

  it('settles a delivery once: the second time it is refused, also in the same call', async () => {
    await log.append([{ key: 'a' }, { key: 'a' }, { key: 'a' }]);
    const [delivery] = await log.take(5);
    const { refused, deliveries } = await log.work([done(delivery!), done(delivery!)], { room: 5 });
    expect(refused).toEqual([delivery!.token]);
    expect(deliveries).toHaveLength(1); // only one of a key at a time
    expect((await log.work([done(delivery!)])).refused).toEqual([delivery!.token]);
  });

  const deep = `${'['.repeat(2000)}${']'.repeat(2000)}`; // deeper than Redis reads JSON: what Belfry writes is known by its beginning
  it.each([
    [
      'Belfry',
      `{"specversion":"1.0","source":"/shop/1","type":"a.b","dataversion":"1","datacontenttype":"application/json","time":"2026-05-01T12:00:00.000Z","id":"m-1","data":${deep}}`,
    ],
    ['its releases before', `{"specversion":"1.0","id":"m-1","source":"/shop/1","type":"a.b","data":${deep}}`],
    ['another program', '{ "data": 7, "id": "m-1", "specversion": "1.0" }'],
  ])('drops what the group has completed, in an envelope as %s writes it', async (_, body) => {
    await log.append([{ body }, { body }]);
    const [delivery] = await log.take(1, { once: true });
    const completed = { ...done(delivery!), once: { messageId: 'm-1', window: 60_000 } };
    const { deliveries, repeated } = await log.work([completed], { room: 1, once: true });
    expect({ deliveries, repeated }).toEqual({ deliveries: [], repeated: 1 });
  });

  it('gives what was released together again in its order, as no attempt, and before what is new', async () => {
    const entries = await log.append(range(40).map(() => ({})));
    const held = await log.take(30);
    await log.work(held.map((each) => ({ ...done(each), outcome: 'release' }) as Settlement));
    const again = await log.take(40, { instance: TWO });
    expect(again.map(({ id }) => id)).toEqual(entries);
    expect(new Set(again.map(({ attempt }) => attempt))).toEqual(new Set([1]));
  });

  it('refuses whom it has given up for dead, and says that once', async () => {
    await log.append([{}]);
    const [stale] = await log.take(1);
    log.now += 1001;
    const [fresh] = await log.take(1, { instance: TWO });
    expect(fresh).toMatchObject({ id: stale!.id, attempt: 2 });
    expect(await log.work([done(stale!)])).toMatchObject({ refused: [stale!.token], lapsed: true });
    expect(await log.pending()).toBe(1);
    expect((await log.work([done(fresh!)], { instance: TWO })).refused).toEqual([]);
    expect(await log.pending()).toBe(0);
  });

  it('takes any call for a sign of life', async () => {
    await log.append([{}]);
    const [held] = await log.take(1);
    for (const _ of range(5)) {
      log.now += 900;
      expect((await log.work([], { holding: 1 })).lapsed).toBe(false);
      expect(await log.take(1, { instance: TWO })).toEqual([]);
    }
    expect((await log.work([done(held!)])).refused).toEqual([]);
  });

  it('gives back what a former term holds, as no attempt, besides what the instance knows of', async () => {
    await log.append(range(4).map(() => ({})));
    const known = await log.take(2);
    await log.take(2); // the answer to this was lost
    const former = { holders: [`${ONE}.0`], known };
    const answer = await log.work([], { term: 1, holding: 2, former });
    expect([...answer.kept].sort()).toEqual(known.map(({ token }) => token).sort());
    const { lapsed, deliveries } = await log.work([], { term: 1, room: 5, holding: 2 });
    expect(lapsed).toBe(false);
    expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 1]);
    const all = [...known, ...deliveries];
    expect((await log.work(all.map(done), { term: 1 })).refused).toEqual([]);
    expect(await log.pending()).toBe(0);
  });

  it('writes nothing down of a first delivery, until it is not handled at once', async () => {
    const entries = await log.append(range(3).map(() => ({})));
    const [first, second, third] = await log.take(3);
    const consumers = async () => ((await redis.xpending(logKey(log.channel), 'app')) as unknown[])[3];
    const written = () => redis.exists(log.key('work:app'), log.key('rest:app'), log.key('due:app'));
    expect([await written(), await consumers()]).toEqual([0, [[`${ONE}.0`, '3']]]);
    await log.work([done(first!), { ...done(second!), outcome: 'retry', delay: 10 }], { holding: 3 });
    expect(await consumers()).toEqual([
      [`${ONE}.0`, '1'],
      ['belfry', '1'],
    ]);
    log.now += 1001;
    const again = await log.take(3, { instance: TWO });
    expect(again.map(({ id, attempt }) => [id, attempt])).toEqual([
      [entries[1], 2],
      [entries[2], 2],
    ]);
    expect((await log.work([done(third!)])).refused).toEqual([third!.token]);
    await log.work(again.map(done), { instance: TWO });
    expect([await written(), await consumers()]).toEqual([0, null]);
  });

  it('leaves nothing of a holder that leaves', async () => {
    await log.append([{}, {}]);
    const held = await log.take(2);
    await log.work([done(held[0]!)], { holding: 2, room: 0 });
    await log.work([{ ...done(held[1]!), outcome: 'release' }]);
    const consumers = (await redis.xinfo('CONSUMERS', logKey(log.channel), 'app')) as unknown[][];
    expect(consumers.map(([, name]) => name)).toEqual(['belfry']);
  });

  it('runs the commands of a commit once, also when it is sent again', async () => {
    await log.append([{}]);
    const [delivery] = await log.take(1);
    const counts = `${log.channel}:counts`;
    const commit: Settlement = { ...done(delivery!), commands: [['HINCRBY', counts, 'paid', '1']] } as Settlement;
    expect(await log.work([commit])).toMatchObject({ refused: [], failed: [] });
    expect(await log.work([commit], { holding: 0 })).toMatchObject({ refused: [], failed: [] });
    expect(await redis.hget(counts, 'paid')).toBe('1');
    expect(await redis.pttl(log.key(`done:app:${delivery!.token}`))).toBeGreaterThan(590_000);
  });

  it('runs no command of a commit that comes too late', async () => {
    await log.append([{}]);
    const [stale] = await log.take(1);
    log.now += 1001;
    await log.take(1, { instance: TWO });
    const counts = `${log.channel}:counts`;
    const commit = { ...done(stale!), commands: [['HINCRBY', counts, 'paid', '1']] } as Settlement;
    expect((await log.work([commit])).refused).toEqual([stale!.token]);
    expect(await redis.exists(counts)).toBe(0);
  });

  it('reads no further while too much waits behind its key', async () => {
    await log.append([...range(10).map(() => ({ key: 'a' })), { key: 'b' }]);
    const answer = await log.work([], { room: 5, maxParked: '3' });
    expect(answer.deliveries.map(({ key }) => key)).toEqual(['a']);
    expect(answer.more).toBe(false);
    expect(Number(await redis.hget(log.key('state:app'), 'parked'))).toBeGreaterThanOrEqual(3);
    let [held] = answer.deliveries;
    const keys: (string | undefined)[] = [];
    while (held !== undefined) {
      const { deliveries } = await log.work([done(held)], { room: 1, maxParked: '3' });
      held = deliveries[0];
      keys.push(held?.key);
    }
    expect(keys).toEqual([...range(9).map(() => 'a'), 'b', undefined]);
  });

  it('keeps what it buries as it was, with the reason', async () => {
    await log.append([{ key: 'a', body: 'ü\u0000' }]);
    const [delivery] = await log.take(1);
    const reason = { code: 'HANDLER_FAILED', message: 'Error: “no”\n' };
    await log.work([{ ...dead(delivery!), reason } as Settlement]);
    const [[, fields] = ['', []]] = await redis.xrange(deadKey(log.channel, 'app'), '-', '+');
    expect(fields).toEqual([
      ...['id', delivery!.id, 'e', 'ü\u0000', 'attempts', '1', 'first', String(log.now)],
      ...['code', reason.code, 'message', reason.message, 'k', 'a'],
    ]);
    expect(await log.pending()).toBe(0);
  });

  it('settles and gives as much as a worker may bring and ask for in one call', async () => {
    await log.append(range(3000).map((n) => ({ key: `k${n % 1500}` })));
    const first = await log.take(5000);
    expect(first).toHaveLength(1500);
    const { deliveries } = await log.work(first.slice(0, 1000).map(done), { room: 5000 });
    expect(deliveries).toHaveLength(1000);
    const rest = await log.work([...first.slice(1000), ...deliveries].map(done), { room: 5000 });
    expect(rest).toMatchObject({ refused: [], deliveries: { length: 500 } });
    await log.work(rest.deliveries.map(done));
    expect(await log.pending()).toBe(0);
  });
});
