import { crc32 } from 'node:zlib';
import { startRedis, uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, idOf, isGone, join, RingMember } from '../test/ring-member.js';
import { toFrame } from './frame.js';
import { membersKey } from './names.js';
import { askScript, publishScript, runScript } from './scripts.js';

const pairs = (bodies: readonly string[], keys: readonly (string | undefined)[]) =>
  bodies.flatMap((body, i) => [keys[i] === undefined ? '' : String(crc32(keys[i])), body]);

const ask = async (
  redis: Redis,
  channel: string,
  turn: number,
  bodies: readonly string[],
  keys: readonly (string | undefined)[] = [],
) => {
  const hashes = bodies.map((_, i) => `${keys[i] === undefined ? '' : crc32(keys[i])},`).join('');
  const args = [channel, String(turn), String(bodies.length), /\d/.test(hashes) ? hashes : '', toFrame(bodies)];
  const [places, ...members] = (await runScript(redis, askScript, [membersKey(channel)], args)) as string[];
  return bodies.map((_, i) => (places === '' ? members[0] : members[Number(places?.split(',')[i]) - 1]) ?? '');
};

const publish = (redis: Redis, channel: string, turn: number, bodies: readonly string[], keys: readonly string[]) =>
  runScript(redis, publishScript, [membersKey(channel)], [channel, '0', String(turn), ...pairs(bodies, keys)]);

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `{"n":${from + i}}`);

describe('ask.lua', () => {
  let redis: Redis;
  let channel: string;
  const members: RingMember[] = [];
  const add = async (group: string, n: number) => {
    const member = await RingMember.join(redis, channel, group, n);
    members.push(member);
    return member;
  };
  const kill = async (group: string, member: RingMember) => {
    member.client.disconnect();
    await isGone(redis, channel, group, member.id);
  };
  const ring = (group: string) => redis.hget(membersKey(channel), group);

  beforeAll(() => {
    redis = connect();
  });
  beforeEach(() => {
    channel = `${uniqueNamespace()}:pricing.quote/request`;
    for (const { client } of members.splice(0)) client.disconnect();
  });
  afterAll(() => {
    for (const { client } of members) client.disconnect();
    redis.disconnect();
  });

  it('gives lone requests to the members by turns, and says who received each', async () => {
    const three = [await add('pricing', 1), await add('pricing', 2), await add('pricing', 3)];
    const receivers: (string | undefined)[] = [];
    for (const [turn, body] of numbered(9).entries())
      receivers.push(...(await ask(redis, channel, turn + 2 ** 40, [body])));
    expect(receivers.slice(0, 3).sort()).toEqual(three.map(({ id }) => `pricing/${id}`).sort());
    expect(receivers.slice(3)).toEqual([...receivers.slice(0, 3), ...receivers.slice(0, 3)]);
    for (const member of three) {
      const mine = numbered(9).filter((_, n) => receivers[n] === `pricing/${member.id}`);
      expect(await member.caughtUp()).toEqual(mine);
    }
  });

  it('deals a burst out over the members, one frame each, in order', async () => {
    const three = [await add('pricing', 1), await add('pricing', 2), await add('pricing', 3)];
    const receivers = await ask(redis, channel, 7, numbered(32));
    for (const member of three) {
      const mine = numbered(32).filter((_, n) => receivers[n] === `pricing/${member.id}`);
      expect(mine.length).toBeGreaterThanOrEqual(10);
      expect(await member.caughtUp()).toEqual(mine);
      expect(member.messages).toHaveLength(1);
    }
  });

  it('goes on by turn from a burst to what comes after it', async () => {
    for (const n of [1, 2, 3]) await add('pricing', n);
    const alone: (string | undefined)[] = [];
    for (let turn = 0; turn < 8; turn++) alone.push(...(await ask(redis, channel, turn, ['x'])));
    expect(await ask(redis, channel, 0, numbered(8))).toEqual(alone);
  });

  it('gives a key to the member that has it among events too, alone and in a burst', async () => {
    const five = await Promise.all([1, 2, 3, 4, 5].map((n) => add('pricing', n)));
    const keys = Array.from({ length: 60 }, (_, i) => `customer-${i}`);
    await publish(redis, channel, 0, keys, keys);
    const heard = await Promise.all(five.map((member) => member.caughtUp()));
    const owners = keys.map((key) => `pricing/${five[heard.findIndex((bodies) => bodies.includes(key))]?.id}`);
    expect(new Set(owners).size).toBe(5);
    expect(await ask(redis, channel, 3, keys, keys)).toEqual(owners);
    for (const [i, key] of keys.entries()) expect(await ask(redis, channel, i, [key], [key])).toEqual([owners[i]]);
  });

  it('mixes requests with and without a key in one burst', async () => {
    const two = [await add('pricing', 1), await add('pricing', 2)];
    const [owner] = await ask(redis, channel, 0, ['x'], ['ann']);
    const receivers = await ask(redis, channel, 0, numbered(4), [undefined, 'ann', undefined, 'ann']);
    expect([receivers[1], receivers[3]]).toEqual([owner, owner]);
    expect([receivers[0], receivers[2]]).toEqual([receivers[0], receivers[0]]); // turns 0 and 2 of two
    expect((await Promise.all(two.map((member) => member.caughtUp()))).flat()).toHaveLength(5);
  });

  it.each([
    ['alone', 1, undefined],
    ['alone with a key', 1, 'ann'],
    ['in a burst', 8, undefined],
    ['in a burst with a key', 8, 'ann'],
  ])('passes over a dead member, and drops its place once another has received (%s)', async (_how, count, key) => {
    const [dead, living] = [await add('pricing', 1), await add('pricing', 2)];
    await kill('pricing', dead);
    for (let turn = 0; turn < 2; turn++) {
      const receivers = await ask(redis, channel, turn, numbered(count, turn * count), Array(count).fill(key));
      expect(receivers).toEqual(Array(count).fill(`pricing/${living.id}`));
    }
    expect(await living.caughtUp()).toEqual(numbered(2 * count));
    expect(await ring('pricing')).toBe(`${living.id}01`);
  });

  it.each([
    ['alone', 1, undefined],
    ['alone with a key', 1, 'ann'],
    ['in a burst', 8, undefined],
  ])('keeps the ring as it is when no member receives, and says so (%s)', async (_how, count, key) => {
    const two = [await add('pricing', 1), await add('pricing', 2)];
    const before = await ring('pricing');
    for (const member of two) await kill('pricing', member);
    expect(await ask(redis, channel, 0, numbered(count), [key])).toEqual(Array(count).fill(''));
    expect(await ring('pricing')).toBe(before);
  });

  it.each([1, 3])('says that nobody received where nobody ever answered (%i at a time)', async (count) => {
    expect(await ask(redis, channel, 0, numbered(count))).toEqual(Array(count).fill(''));
  });

  it.each([1, 4])('asks one group: the first by name that has a connected member (%i at a time)', async (count) => {
    const c = await add('c', 1);
    const b = await add('b', 2);
    const a = await add('a', 3);
    const once = async (turn: number) => new Set(await ask(redis, channel, turn, numbered(count)));
    expect(await once(0)).toEqual(new Set([`a/${a.id}`]));
    await kill('a', a);
    expect(await once(1)).toEqual(new Set([`b/${b.id}`]));
    expect(await ring('a')).toBe(`${a.id}01`); // its group is wholly away: it stays known
    await kill('b', b);
    expect(await once(2)).toEqual(new Set([`c/${c.id}`]));
    expect([a.heard.length, b.heard.length, (await c.caughtUp()).length]).toEqual([count, count, count]);
  });

  it.each([
    ['of a wrong length', 'xyz'],
    ['that is too long', `${idOf(7)}01z`],
    ['that names nobody', 'z'.repeat(18)],
    ['that is empty', ''],
  ])('is not stopped by a forged ring %s', async (_what, forged) => {
    const member = await add('pricing', 1);
    await redis.hset(membersKey(channel), 'a', forged);
    const receiver = `pricing/${member.id}`;
    expect(await ask(redis, channel, 1, ['1'])).toEqual([receiver]);
    expect(await ask(redis, channel, 2, ['2'], ['ann'])).toEqual([receiver]);
    expect(await ask(redis, channel, 3, ['3', '4'], ['ann'])).toEqual([receiver, receiver]);
    expect(await member.caughtUp()).toEqual(['1', '2', '3', '4']);
    await kill('pricing', member);
    expect(await ask(redis, channel, 1, ['5'])).toEqual(['']);
    expect(await ask(redis, channel, 1, ['6', '7'])).toEqual(['', '']);
    expect(await ring('a')).toBe(forged);
  });

  it('refuses when the members are something else', async () => {
    await redis.set(membersKey(channel), 'text');
    await expect(ask(redis, channel, 0, ['1'])).rejects.toThrow('WRONGTYPE');
  });

  it('is not deceived by a client that listens to everything', async () => {
    const tap = connect();
    const heard: string[] = [];
    tap.on('pmessage', (_glob: string, name: string) => heard.push(name));
    await tap.psubscribe(`*${channel}*`); // no wider: others count who listens, too
    expect(await ask(redis, channel, 0, ['1'])).toEqual(['']);
    const member = await add('pricing', 1);
    expect(await ask(redis, channel, 0, ['2'])).toEqual([`pricing/${member.id}`]);
    await kill('pricing', member);
    expect(await ask(redis, channel, 0, ['3'])).toEqual(['']);
    expect(await ask(redis, channel, 0, ['4', '5'])).toEqual(['', '']);
    await tap.ping();
    expect(heard.filter((name) => name.includes(channel))).toEqual([]); // neither broadcast nor public
    tap.disconnect();
  });

  it('writes nothing while all members live, and asks while Redis is out of memory, also past a dead one', async () => {
    await using full = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
    const other = connect(full.url);
    const [dead, living] = [
      await RingMember.join(other, channel, 'pricing', 1, full.url),
      await RingMember.join(other, channel, 'pricing', 2, full.url),
    ];
    const changes = async () => /rdb_changes_since_last_save:(\d+)/.exec(await other.info('persistence'))?.[1];
    const before = await changes();
    for (let turn = 0; turn < 10; turn++) await ask(other, channel, turn, numbered(turn + 1), turn % 2 ? ['a'] : []);
    expect(await changes()).toBe(before);
    await other.config('SET', 'maxmemory', '1mb');
    await join(other, channel, 'pricing', idOf(3)); // a service may start again while Redis is full
    dead.client.disconnect();
    await isGone(other, channel, 'pricing', dead.id);
    for (let turn = 0; turn < 3; turn++)
      expect(await ask(other, channel, turn, numbered(turn + 1))).toEqual(Array(turn + 1).fill(`pricing/${living.id}`));
    for (const { client } of [living, { client: other }]) client.disconnect();
  });
});
