import type { Settlement, WorkRequest } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf } from '../test/ring-member.js';
import { range, sharedUrl } from '../test/world.js';
import { deadKey, logKey } from './names.js';
import { toWork, workArguments } from './redis-durability.js';
import {
  appendScript,
  cancelScript,
  groupScript,
  readScript,
  removeScript,
  replayScript,
  runScript,
  type Script,
  tendScript,
  workScript,
} from './scripts.js';

const redis = new Redis(sharedUrl);
afterAll(() => redis.disconnect());

const PUBLISHER = idOf(7);
const [ONE, TWO] = [idOf(1), idOf(2)];
const NO_ROOM_LEFT = '10000';

interface Event {
  key?: string;
  /** A given id. */
  id?: string;
  /** An id by which a delayed event can be called off. */
  name?: string;
  delay?: number;
  body?: string;
}

describe('the durable scripts', () => {
  let channel: string;
  let key: (name: string) => string;
  /** Milliseconds, as work.lua is told. */
  let now: number;
  beforeEach(() => {
    channel = `${uniqueNamespace()}:orders.paid`;
    key = (name) => logKey(channel).replace(/log$/, name);
    now = Date.now();
  });
  const run = (script: Script, ...args: (string | number)[]) =>
    runScript(redis, script, [logKey(channel)], args.map(String));
  const append = async (
    events: Event[],
    { publisher = '', batch = 0, heard = 0, window = 60_000, cap = '' as string | number } = {},
  ) => {
    const args = events.flatMap(({ key, id, name, delay, body = '{}' }) => [
      key === undefined ? '' : `=${key}`,
      id !== undefined ? `=${id}` : name !== undefined ? `.${name}` : '',
      delay ?? '',
      body,
    ]);
    const reply = await run(appendScript, publisher, batch, heard, window, cap, ...args);
    const [listeners, entries, presence] = reply as [number, string[], (string | number)[]];
    return { listeners, entries, presence };
  };
  const makeGroup = (group = 'app', from = 'start') => run(groupScript, group, from);
  const work = async (
    settlements: Settlement[] = [],
    {
      group = 'app',
      instance = ONE,
      term = 0,
      room = 0,
      holding = settlements.length,
      maxParked = NO_ROOM_LEFT,
      ...rest
    }: Partial<WorkRequest> & { term?: number; maxParked?: string } = {},
  ) => {
    const ask = {
      group,
      instance,
      holder: `${instance}.${term}`,
      settlements,
      room,
      holding,
      claimTimeout: 1000,
      once: false,
    };
    return toWork(await run(workScript, ...workArguments({ ...ask, ...rest }, maxParked, String(now))));
  };
  const take = async (room: number, options: Parameters<typeof work>[1] = {}) =>
    (await work([], { room, ...options })).deliveries;
  const done = ({ id, token }: { id: string; token: number }): Settlement => ({ id, token, outcome: 'done' });
  const pending = async (group = 'app') => ((await redis.xpending(logKey(channel), group)) as [number])[0];

  describe('append.lua', () => {
    it('numbers what it appends, and answers with its places', async () => {
      const { entries } = await append([{ body: '{"n":0}' }, { body: '{"n":1}', key: 'a' }]);
      expect(await redis.xrange(logKey(channel), '-', '+')).toEqual([
        [entries[0], ['e', '{"n":0}', 'n', '1']],
        [entries[1], ['e', '{"n":1}', 'n', '2', 'k', 'a']],
      ]);
      expect(await redis.hget(key('about'), 'count')).toBe('2');
      const epoch = await redis.hget(key('about'), 'epoch');
      await append([{}]);
      expect(await redis.hget(key('about'), 'epoch')).toBe(epoch);
    });

    it('recognises a batch that it had before, and answers as it did then', async () => {
      const first = await append([{}, { id: 'x' }], { publisher: PUBLISHER, batch: 1 });
      const second = await append([{}], { publisher: PUBLISHER, batch: 2 });
      expect((await append([{}, { id: 'x' }], { publisher: PUBLISHER, batch: 1 })).entries).toEqual(first.entries);
      expect((await append([{}], { publisher: PUBLISHER, batch: 2 })).entries).toEqual(second.entries);
      expect(await redis.xlen(logKey(channel))).toBe(3);
      await append([{}], { publisher: idOf(8), batch: 1 });
      expect(await redis.xlen(logKey(channel))).toBe(4);
    });

    it('forgets the answers that the publisher has heard, and everything after an hour', async () => {
      for (const batch of range(20, 1)) await append([{}], { publisher: PUBLISHER, batch, heard: batch - 3 });
      const kept = Object.keys(await redis.hgetall(key(`sent:${PUBLISHER}`)));
      expect(kept.sort()).toEqual(['18', '19', '20', 'from', 'last']);
      expect(await redis.pttl(key(`sent:${PUBLISHER}`))).toBeGreaterThan(3_590_000);
      expect((await append([{}], { publisher: PUBLISHER, batch: 5 })).entries).toEqual([]); // it will not be asked
      expect(await redis.xlen(logKey(channel))).toBe(20);
    });

    it('appends a given id once in its window, within a batch too, and names the place', async () => {
      const { entries } = await append([{ id: 'a' }, { id: 'b' }, { id: 'a' }]);
      expect(entries[2]).toBe(`=${entries[0]}`);
      const again = await append([{ id: 'b' }, {}, { id: 'c' }]);
      expect(again.entries[0]).toBe(`=${entries[1]}`);
      const ordinals = (await redis.xrange(logKey(channel), '-', '+')).map(([, fields]) => fields[3]);
      expect(ordinals).toEqual(['1', '2', '3', '4']);
      expect(await redis.pttl(key('id:a'))).toBeLessThanOrEqual(60_000);
      await redis.del(key('id:a')); // its time is over
      expect((await append([{ id: 'a' }])).entries[0]).toMatch(/^\d/);
    });

    it('keeps what is delayed aside, with any key and envelope, until it is due', async () => {
      const odd: Event[] = [
        { name: '1', key: '', body: '-:{}' },
        { name: '2', key: '3:a\n=', body: '12:{}' },
        { name: '3', body: ':' },
        { id: '4', key: 'ü☃', body: '\u0000\n' },
      ];
      const { entries } = await append(odd.map((event) => ({ ...event, delay: 0 })));
      expect(entries).toEqual(['later', 'later', 'later', 'later']);
      expect(await redis.xlen(logKey(channel))).toBe(0);
      expect((await append([{ id: '4', delay: 100 }])).entries).toEqual([expect.stringMatching(/^=(later|\d)/)]);
      await append([{ name: '5', delay: 60_000 }]); // whoever comes next looks what is due
      const logged = (await redis.xrange(logKey(channel), '-', '+')).map(([, [, body, , , , its]]) => [body, its]);
      expect(logged).toEqual(odd.map(({ body, key }) => [body, key]));
      expect(await redis.zrange(key('later'), '0', '-1')).toEqual(['5']);
      expect(await redis.hkeys(key('later:bodies'))).toEqual(['5']);
      expect(await redis.get(key('id:4'))).toMatch(/^\d+-\d+$/);
    });

    it('never lets the log grow beyond the cap for long', async () => {
      for (const _ of range(10))
        await append(
          range(100).map(() => ({})),
          { cap: 100 },
        );
      expect(await redis.xlen(logKey(channel))).toBeLessThanOrEqual(200);
      expect(await redis.hget(key('about'), 'count')).toBe('1000');
    });
  });

  describe('group.lua', () => {
    it('makes a group that begins with everything, or with what comes from now on', async () => {
      await append([{}, {}]);
      expect(await makeGroup('all')).toBe(1);
      expect(await makeGroup('new', 'now')).toBe(1);
      expect(await makeGroup('new', 'start')).toBe(0);
      const [last] = (await append([{}])).entries;
      expect(await take(10, { group: 'all' })).toHaveLength(3);
      expect((await take(10, { group: 'new' })).map(({ id }) => id)).toEqual([last]);
    });

    it('does not call lost what was trimmed before there was the group', async () => {
      const { entries } = await append(range(5).map(() => ({})));
      await redis.xdel(logKey(channel), ...entries.slice(0, 2));
      await makeGroup();
      expect(await work([], { room: 10 })).toMatchObject({ lost: 0, deliveries: { length: 3 } });
    });

    it('may be made before anything was appended', async () => {
      expect(await makeGroup()).toBe(1);
      expect(await work([], { room: 1 })).toMatchObject({ deliveries: [], more: false, dueIn: undefined, epoch: '' });
      await append([{}]);
      expect(await take(1)).toHaveLength(1);
    });
  });

  describe('work.lua', () => {
    beforeEach(() => makeGroup());

    it('gives so much as there is room for, in order, and says whether there is more', async () => {
      const { entries } = await append(range(5).map((n) => ({ body: `{"n":${n}}` })));
      const first = await work([], { room: 3 });
      expect(first.deliveries.map(({ id, attempt, key }) => [id, attempt, key])).toEqual(
        entries.slice(0, 3).map((id) => [id, 1, undefined]),
      );
      expect(first).toMatchObject({ more: true, lapsed: false, refused: [], lost: 0 });
      const second = await work(first.deliveries.map(done), { room: 3 });
      expect(second.deliveries.map(({ body }) => body)).toEqual(['{"n":3}', '{"n":4}']);
      expect(second.more).toBe(false);
      await work(second.deliveries.map(done));
      expect(await pending()).toBe(0);
      expect(await redis.exists(key('work:app'), key('rest:app'), key('due:app'), key('busy:app'))).toBe(0);
    });

    it('gives tokens that go up, also when it has lost its counter', async () => {
      await append(range(4).map(() => ({})));
      const [first, second] = await take(2);
      await redis.del(key('state:app'));
      now++;
      const [third] = await take(1);
      expect(second!.token).toBeGreaterThan(first!.token);
      expect(third!.token).toBeGreaterThan(second!.token);
    });

    it('settles a delivery once: the second time it is refused, also in the same call', async () => {
      await append([{ key: 'a' }, { key: 'a' }, { key: 'a' }]);
      const [delivery] = await take(5);
      const { refused, deliveries } = await work([done(delivery!), done(delivery!)], { room: 5 });
      expect(refused).toEqual([delivery!.token]);
      expect(deliveries).toHaveLength(1); // only one of a key at a time
      expect((await work([done(delivery!)])).refused).toEqual([delivery!.token]);
    });

    it('gives what was released together again in its order, as no attempt, and before what is new', async () => {
      const { entries } = await append(range(40).map(() => ({})));
      const held = await take(30);
      await work(held.map((each) => ({ ...done(each), outcome: 'release' }) as Settlement));
      const again = await take(40, { instance: TWO });
      expect(again.map(({ id }) => id)).toEqual(entries);
      expect(new Set(again.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    });

    it('refuses whom it has given up for dead, and says that once', async () => {
      await append([{}]);
      const [stale] = await take(1);
      now += 1001;
      const [fresh] = await take(1, { instance: TWO });
      expect(fresh).toMatchObject({ id: stale!.id, attempt: 2 });
      expect(await work([done(stale!)])).toMatchObject({ refused: [stale!.token], lapsed: true });
      expect(await pending()).toBe(1);
      expect((await work([done(fresh!)], { instance: TWO })).refused).toEqual([]);
      expect(await pending()).toBe(0);
    });

    it('takes any call for a sign of life', async () => {
      await append([{}]);
      const [held] = await take(1);
      for (const _ of range(5)) {
        now += 900;
        expect((await work([], { holding: 1 })).lapsed).toBe(false);
        expect(await take(1, { instance: TWO })).toEqual([]);
      }
      expect((await work([done(held!)])).refused).toEqual([]);
    });

    it('gives back what a former term holds, as no attempt, besides what the instance knows of', async () => {
      await append(range(4).map(() => ({})));
      const known = await take(2);
      await take(2); // the answer to this was lost
      const former = { holders: [`${ONE}.0`], tokens: known.map(({ token }) => token) };
      const answer = await work([], { term: 1, holding: 2, former });
      expect([...answer.kept].sort()).toEqual(known.map(({ token }) => token).sort());
      const { lapsed, deliveries } = await work([], { term: 1, room: 5, holding: 2 });
      expect(lapsed).toBe(false);
      expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 1]);
      const all = [...known, ...deliveries];
      expect((await work(all.map(done), { term: 1 })).refused).toEqual([]);
      expect(await pending()).toBe(0);
    });

    it('runs the commands of a commit once, also when it is sent again', async () => {
      await append([{}]);
      const [delivery] = await take(1);
      const counts = `${channel}:counts`;
      const commit: Settlement = { ...done(delivery!), commands: [['HINCRBY', counts, 'paid', '1']] } as Settlement;
      expect(await work([commit])).toMatchObject({ refused: [], failed: [] });
      expect(await work([commit], { holding: 0 })).toMatchObject({ refused: [], failed: [] });
      expect(await redis.hget(counts, 'paid')).toBe('1');
      expect(await redis.pttl(key(`done:app:${delivery!.token}`))).toBeGreaterThan(590_000);
    });

    it('runs no command of a commit that comes too late', async () => {
      await append([{}]);
      const [stale] = await take(1);
      now += 1001;
      await take(1, { instance: TWO });
      const counts = `${channel}:counts`;
      const commit = { ...done(stale!), commands: [['HINCRBY', counts, 'paid', '1']] } as Settlement;
      expect((await work([commit])).refused).toEqual([stale!.token]);
      expect(await redis.exists(counts)).toBe(0);
    });

    it('reads no further while too much waits behind its key', async () => {
      await append([...range(10).map(() => ({ key: 'a' })), { key: 'b' }]);
      const answer = await work([], { room: 5, maxParked: '3' });
      expect(answer.deliveries.map(({ key }) => key)).toEqual(['a']);
      expect(answer.more).toBe(false);
      expect(Number(await redis.hget(key('state:app'), 'parked'))).toBeGreaterThanOrEqual(3);
      let [held] = answer.deliveries;
      const keys: (string | undefined)[] = [];
      while (held !== undefined) {
        const { deliveries } = await work([done(held)], { room: 1, maxParked: '3' });
        held = deliveries[0];
        keys.push(held?.key);
      }
      expect(keys).toEqual([...range(9).map(() => 'a'), 'b', undefined]);
    });

    it('keeps what it buries as it was, with the reason', async () => {
      await append([{ key: 'a', body: 'ü\u0000' }]);
      const [delivery] = await take(1);
      const reason = { code: 'HANDLER_FAILED', message: 'Error: “no”\n' };
      await work([{ ...done(delivery!), outcome: 'dead', reason } as Settlement]);
      const [[, fields] = ['', []]] = await redis.xrange(deadKey(channel, 'app'), '-', '+');
      expect(fields).toEqual([
        ...['id', delivery!.id, 'e', 'ü\u0000', 'attempts', '1', 'first', String(now)],
        ...['code', reason.code, 'message', reason.message, 'k', 'a'],
      ]);
      expect(await pending()).toBe(0);
    });

    it('settles and gives as much as a worker may bring and ask for in one call', async () => {
      await append(range(3000).map((n) => ({ key: `k${n % 1500}` })));
      const first = await take(5000);
      expect(first).toHaveLength(1500);
      const { deliveries } = await work(first.slice(0, 1000).map(done), { room: 5000 });
      expect(deliveries).toHaveLength(1000);
      const rest = await work([...first.slice(1000), ...deliveries].map(done), { room: 5000 });
      expect(rest).toMatchObject({ refused: [], deliveries: { length: 500 } });
      await work(rest.deliveries.map(done));
      expect(await pending()).toBe(0);
    });
  });

  describe('read.lua', () => {
    it('gives what comes after a place, or the whole of a log that is another one', async () => {
      expect(await run(readScript, '', '', 10)).toEqual(['', 0, '', '0-0', []]);
      const { entries } = await append([{ body: 'a' }, { body: 'b', key: '' }, { body: 'c', key: 'k' }]);
      const epoch = await redis.hget(key('about'), 'epoch');
      expect(await run(readScript, '', '', 10)).toEqual([epoch, 3, '', entries[2], []]);
      const [, , , , after] = (await run(readScript, entries[0]!, epoch!, 10)) as unknown[];
      expect(after).toEqual([
        [entries[1], '2', 'b', '=', ''],
        [entries[2], '3', 'c', '=k', ''],
      ]);
      const [, , , , anew] = (await run(readScript, entries[2]!, 'another', 2)) as unknown[];
      expect((anew as [id: string][]).map(([id]) => id)).toEqual(entries.slice(0, 2));
    });

    it('says when the next delayed event is due', async () => {
      await append([{ name: 'a', delay: 5000 }]);
      const [, , dueIn] = (await run(readScript, '', '', 10)) as string[];
      expect(Number(dueIn)).toBeGreaterThan(4000);
      expect(Number(dueIn)).toBeLessThanOrEqual(5000);
    });
  });

  it('tend.lua says how each group stands', async () => {
    await makeGroup('billing');
    await makeGroup('audit');
    await append(range(10).map((n) => (n < 3 ? { key: 'a' } : {})));
    now = Number((await redis.time())[0]) * 1000;
    const [first, second, third] = await take(4, { group: 'billing' });
    const dead = { id: first!.id, token: first!.token, outcome: 'dead', reason: { code: 'X', message: '' } } as const;
    await work([dead, { ...second!, outcome: 'retry', delay: 60_000 }, done(third!)], { group: 'billing', holding: 4 });
    const reply = (await run(tendScript, '', '')) as (string | number)[];
    const of = (group: string) => reply.slice(reply.indexOf(group), reply.indexOf(group) + 9);
    const [members, lag, pending, retries, oldest, letters, lost, idle] = of('billing').slice(1).map(Number);
    expect({ members, letters, lost }).toEqual({ members: 0, letters: 1, lost: 0 });
    expect(Number(lag) + Number(pending)).toBe(8);
    expect(retries).toBe(2); // the one that failed, and the next of the key
    for (const age of [oldest, idle]) expect(age).toBeLessThan(20_000);
    expect(of('audit').slice(2, 5)).toEqual([10, 0, 0]);
  });

  it('replay.lua gives letters back to their group alone, and takes each once', async () => {
    await makeGroup('billing');
    await makeGroup('audit');
    await append([{ key: 'a', body: 'one' }, { body: 'two' }]);
    const bury = ({ id, token }: { id: string; token: number }): Settlement => ({
      ...{ id, token, outcome: 'dead', reason: { code: 'X', message: '' } },
    });
    await work((await take(5, { group: 'billing' })).map(bury), { group: 'billing' });
    await work((await take(5, { group: 'audit' })).map(done), { group: 'audit' });
    const ids = (await redis.xrange(deadKey(channel, 'billing'), '-', '+')).map(([id]) => id);
    expect(await run(replayScript, 'billing', ...ids, '1-1')).toBe(2);
    expect(await run(replayScript, 'billing', ...ids)).toBe(0);
    expect(await take(5, { group: 'audit' })).toEqual([]);
    expect(await pending('audit')).toBe(0);
    const again = await take(5, { group: 'billing' });
    expect(again.map(({ body, key, attempt }) => [body, key, attempt])).toEqual([
      ['one', 'a', 1],
      ['two', undefined, 1],
    ]);
  });

  it('cancel.lua calls off what is delayed, and nothing that is due', async () => {
    await append([
      { id: 'a', delay: 60_000 },
      { name: 'b', delay: 0 },
    ]);
    expect(await run(cancelScript, 'a')).toBe(1);
    expect(await run(cancelScript, 'a')).toBe(0);
    expect(await run(cancelScript, 'b')).toBe(0);
    expect(await redis.exists(key('id:a'))).toBe(0);
    await append([{}]);
    expect(await redis.xlen(logKey(channel))).toBe(2);
  });

  it('remove.lua leaves nothing of a group, unless it has members', async () => {
    expect(await run(removeScript, 'app')).toBe(-1);
    await makeGroup();
    await makeGroup('audit');
    await append(range(6).map((n) => ({ key: `k${n % 2}` })));
    const [held] = await take(5);
    await work([{ ...held!, outcome: 'dead', reason: { code: 'X', message: '' } } as Settlement], { holding: 2 });
    const member = new Redis(sharedUrl);
    await member.ssubscribe(key(`inbox:app:${ONE}`));
    await redis.hset(key('members'), 'app', `${ONE}01`);
    expect(await run(removeScript, 'app')).toBe(1);
    member.disconnect();
    const isGone = async () => (await run(removeScript, 'app')) === 0;
    while (!(await isGone())); // Redis has to notice
    const names = (await redis.keys(key('*'))).map((name) => name.slice(key('').length)).sort();
    expect(names).toEqual(['about', 'bells', 'log', 'state:audit']);
    expect(await take(10, { group: 'audit' })).toHaveLength(2);
  });
});
