import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { idOf } from '../test/ring-member.js';
import { dead, done, ONE, type ScriptedEvent, ScriptedLog } from '../test/scripted-log.js';
import { range, sharedUrl } from '../test/world.js';
import { deadKey } from './names.js';
import { cancelScript, readScript, removeScript, replayScript, tendScript } from './scripts.js';

const redis = new Redis(sharedUrl);
afterAll(() => redis.disconnect());

const PUBLISHER = idOf(7);

describe('the durable scripts', () => {
  let log: ScriptedLog;
  beforeEach(() => {
    log = new ScriptedLog(redis);
  });

  describe('append.lua', () => {
    it('numbers what it appends, and answers with its places', async () => {
      const entries = await log.append([{ body: '{"n":0}' }, { body: '{"n":1}', key: 'a' }]);
      expect(await redis.xrange(log.key('log'), '-', '+')).toEqual([
        [entries[0], ['e', '{"n":0}', 'n', '1']],
        [entries[1], ['e', '{"n":1}', 'n', '2', 'k', 'a']],
      ]);
      expect(await redis.hget(log.key('about'), 'count')).toBe('2');
      const epoch = await redis.hget(log.key('about'), 'epoch');
      await log.append([{}]);
      expect(await redis.hget(log.key('about'), 'epoch')).toBe(epoch);
    });

    it('recognises a batch that it had before, and answers as it did then', async () => {
      const first = await log.append([{}, { id: 'x' }], { publisher: PUBLISHER, batch: 1 });
      const second = await log.append([{}], { publisher: PUBLISHER, batch: 2 });
      expect(await log.append([{}, { id: 'x' }], { publisher: PUBLISHER, batch: 1 })).toEqual(first);
      expect(await log.append([{}], { publisher: PUBLISHER, batch: 2 })).toEqual(second);
      expect(await redis.xlen(log.key('log'))).toBe(3);
      await log.append([{}], { publisher: idOf(8), batch: 1 });
      expect(await redis.xlen(log.key('log'))).toBe(4);
    });

    it('forgets the answers that the publisher has heard, and everything after an hour', async () => {
      for (const batch of range(20, 1)) await log.append([{}], { publisher: PUBLISHER, batch, heard: batch - 3 });
      const kept = Object.keys(await redis.hgetall(log.key(`sent:${PUBLISHER}`)));
      expect(kept.sort()).toEqual(['18', '19', '20', 'from', 'last']);
      expect(await redis.pttl(log.key(`sent:${PUBLISHER}`))).toBeGreaterThan(3_590_000);
      expect(await log.append([{}], { publisher: PUBLISHER, batch: 5 })).toEqual([]); // it will not be asked
      expect(await redis.xlen(log.key('log'))).toBe(20);
    });

    it('appends a given id once in its window, within a batch too, and names the place', async () => {
      const entries = await log.append([{ id: 'a' }, { id: 'b' }, { id: 'a' }]);
      expect(entries[2]).toBe(`=${entries[0]}`);
      const again = await log.append([{ id: 'b' }, {}, { id: 'c' }]);
      expect(again[0]).toBe(`=${entries[1]}`);
      const ordinals = (await redis.xrange(log.key('log'), '-', '+')).map(([, fields]) => fields[3]);
      expect(ordinals).toEqual(['1', '2', '3', '4']);
      expect(await redis.pttl(log.key('id:a'))).toBeLessThanOrEqual(60_000);
      await redis.del(log.key('id:a')); // its time is over
      expect((await log.append([{ id: 'a' }]))[0]).toMatch(/^\d/);
    });

    it('keeps what is delayed aside, with any key and envelope, until it is due', async () => {
      const odd: ScriptedEvent[] = [
        { name: '1', key: '', body: '-:{}' },
        { name: '2', key: '3:a\n=', body: '12:{}' },
        { name: '3', body: ':' },
        { id: '4', key: 'ü☃', body: '\u0000\n' },
      ];
      const entries = await log.append(odd.map((event) => ({ ...event, delay: 0 })));
      expect(entries).toEqual(['later', 'later', 'later', 'later']);
      expect(await redis.xlen(log.key('log'))).toBe(0);
      expect(await log.append([{ id: '4', delay: 100 }])).toEqual([expect.stringMatching(/^=(later|\d)/)]);
      await log.append([{ name: '5', delay: 60_000 }]); // whoever comes next looks what is due
      const logged = (await redis.xrange(log.key('log'), '-', '+')).map(([, [, body, , , , its]]) => [body, its]);
      expect(logged).toEqual(odd.map(({ body, key }) => [body, key]));
      expect(await redis.zrange(log.key('later'), '0', '-1')).toEqual(['5']);
      expect(await redis.hkeys(log.key('later:bodies'))).toEqual(['5']);
      expect(await redis.get(log.key('id:4'))).toMatch(/^\d+-\d+$/);
    });

    it('never lets the log grow beyond the cap for long', async () => {
      for (const _ of range(10))
        await log.append(
          range(100).map(() => ({})),
          { cap: 100 },
        );
      expect(await redis.xlen(log.key('log'))).toBeLessThanOrEqual(200);
      expect(await redis.hget(log.key('about'), 'count')).toBe('1000');
    });
  });

  describe('group.lua', () => {
    it('makes a group that begins with everything, or with what comes from now on', async () => {
      await log.append([{}, {}]);
      expect(await log.makeGroup('all')).toBe(1);
      expect(await log.makeGroup('new', 'now')).toBe(1);
      expect(await log.makeGroup('new', 'start')).toBe(0);
      const [last] = await log.append([{}]);
      expect(await log.take(10, { group: 'all' })).toHaveLength(3);
      expect((await log.take(10, { group: 'new' })).map(({ id }) => id)).toEqual([last]);
    });

    it('does not call lost what was trimmed before there was the group', async () => {
      const entries = await log.append(range(5).map(() => ({})));
      await redis.xdel(log.key('log'), ...entries.slice(0, 2));
      await log.makeGroup();
      expect(await log.work([], { room: 10 })).toMatchObject({ lost: 0, deliveries: { length: 3 } });
    });

    it('may be made before anything was appended', async () => {
      expect(await log.makeGroup()).toBe(1);
      expect(await log.work([], { room: 1 })).toMatchObject({
        deliveries: [],
        more: false,
        dueIn: undefined,
        epoch: '',
      });
      await log.append([{}]);
      expect(await log.take(1)).toHaveLength(1);
    });
  });

  describe('read.lua', () => {
    it('gives what comes after a place, or the whole of a log that is another one', async () => {
      expect(await log.run(readScript, '', '', 10)).toEqual(['', 0, '', '0-0', []]);
      const entries = await log.append([{ body: 'a' }, { body: 'b', key: '' }, { body: 'c', key: 'k' }]);
      const epoch = await redis.hget(log.key('about'), 'epoch');
      expect(await log.run(readScript, '', '', 10)).toEqual([epoch, 3, '', entries[2], []]);
      const [, , , , after] = (await log.run(readScript, entries[0]!, epoch!, 10)) as unknown[];
      expect(after).toEqual([
        [entries[1], '2', 'b', '=', ''],
        [entries[2], '3', 'c', '=k', ''],
      ]);
      const [, , , , anew] = (await log.run(readScript, entries[2]!, 'another', 2)) as unknown[];
      expect((anew as [id: string][]).map(([id]) => id)).toEqual(entries.slice(0, 2));
    });

    it('says when the next delayed event is due', async () => {
      await log.append([{ name: 'a', delay: 5000 }]);
      const [, , dueIn] = (await log.run(readScript, '', '', 10)) as string[];
      expect(Number(dueIn)).toBeGreaterThan(4000);
      expect(Number(dueIn)).toBeLessThanOrEqual(5000);
    });
  });

  it('tend.lua says how each group stands', async () => {
    await log.makeGroup('billing');
    await log.makeGroup('audit');
    await log.append(range(10).map((n) => (n < 3 ? { key: 'a' } : {})));
    log.now = Number((await redis.time())[0]) * 1000;
    const [first, second, third] = await log.take(4, { group: 'billing' });
    await log.work([dead(first!), { ...second!, outcome: 'retry', delay: 60_000 }, done(third!)], {
      group: 'billing',
      holding: 4,
    });
    const reply = (await log.run(tendScript, '', '')) as (string | number)[];
    const of = (group: string) => reply.slice(reply.indexOf(group), reply.indexOf(group) + 9);
    const [members, lag, pending, retries, oldest, letters, lost, idle] = of('billing').slice(1).map(Number);
    expect({ members, letters, lost }).toEqual({ members: 0, letters: 1, lost: 0 });
    expect(Number(lag) + Number(pending)).toBe(8);
    expect(retries).toBe(2); // the one that failed, and the next of the key
    for (const age of [oldest, idle]) expect(age).toBeLessThan(20_000);
    expect(of('audit').slice(2, 5)).toEqual([10, 0, 0]);
  });

  it('replay.lua gives letters back to their group alone, and takes each once', async () => {
    await log.makeGroup('billing');
    await log.makeGroup('audit');
    await log.append([{ key: 'a', body: 'one' }, { body: 'two' }]);
    await log.work((await log.take(5, { group: 'billing' })).map(dead), { group: 'billing' });
    await log.work((await log.take(5, { group: 'audit' })).map(done), { group: 'audit' });
    const ids = (await redis.xrange(deadKey(log.channel, 'billing'), '-', '+')).map(([id]) => id);
    expect(await log.run(replayScript, 'billing', ...ids, '1-1')).toBe(2);
    expect(await log.run(replayScript, 'billing', ...ids)).toBe(0);
    expect(await log.take(5, { group: 'audit' })).toEqual([]);
    expect(await log.pending('audit')).toBe(0);
    const again = await log.take(5, { group: 'billing' });
    expect(again.map(({ body, key, attempt }) => [body, key, attempt])).toEqual([
      ['one', 'a', 1],
      ['two', undefined, 1],
    ]);
  });

  it('cancel.lua calls off what is delayed, and nothing that is due', async () => {
    await log.append([
      { id: 'a', delay: 60_000 },
      { name: 'b', delay: 0 },
    ]);
    expect(await log.run(cancelScript, 'a')).toBe(1);
    expect(await log.run(cancelScript, 'a')).toBe(0);
    expect(await log.run(cancelScript, 'b')).toBe(0);
    expect(await redis.exists(log.key('id:a'))).toBe(0);
    await log.append([{}]);
    expect(await redis.xlen(log.key('log'))).toBe(2);
  });

  it('remove.lua leaves nothing of a group, unless it has members', async () => {
    expect(await log.run(removeScript, 'app')).toBe(-1);
    await log.makeGroup();
    await log.makeGroup('audit');
    await log.append(range(6).map((n) => ({ key: `k${n % 2}` })));
    const [held] = await log.take(5);
    await log.work([dead(held!)], { holding: 2 });
    const member = new Redis(sharedUrl);
    await member.ssubscribe(log.key(`inbox:app:${ONE}`));
    await redis.hset(log.key('members'), 'app', `${ONE}01`);
    expect(await log.run(removeScript, 'app')).toBe(1);
    member.disconnect();
    const isGone = async () => (await log.run(removeScript, 'app')) === 0;
    while (!(await isGone())); // Redis has to notice
    const names = (await redis.keys(log.key('*'))).map((name) => name.slice(log.key('').length)).sort();
    expect(names).toEqual(['about', 'bells', 'log', 'state:audit']);
    expect(await log.take(10, { group: 'audit' })).toHaveLength(2);
  });
});
