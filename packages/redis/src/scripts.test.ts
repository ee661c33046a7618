import { readdirSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { startRedis, uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect, idOf, join, leave, RingMember } from '../test/ring-member.js';
import { luaTexts } from './lua-texts.js';
import { broadcastChannel, inboxChannel, membersKey, stampsKey } from './names.js';
import { toReceipt } from './receipt.js';
import { audienceScript, publishScript, runScript } from './scripts.js';

async function publish(
  redis: Redis,
  channel: string,
  turn: number,
  bodies: string[],
  keys: (string | undefined)[] = [],
  isPublic = '1',
) {
  const events = bodies.flatMap((body, i) => [keys[i] === undefined ? '' : String(crc32(keys[i])), body]);
  return toReceipt(
    await runScript(redis, publishScript, [membersKey(channel)], [channel, isPublic, String(turn), ...events]),
  );
}

const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `{"n":${from + i}}`);

describe('the ring scripts', () => {
  let redis: Redis;
  let channel: string;
  const members: RingMember[] = [];
  const add = async (group: string, n: number) => {
    const member = await RingMember.join(redis, channel, group, n);
    members.push(member);
    return member;
  };

  beforeAll(() => {
    redis = connect();
  });
  beforeEach(() => {
    channel = `${uniqueNamespace()}:orders.placed`;
    for (const { client } of members.splice(0)) client.disconnect();
  });
  afterAll(() => {
    for (const { client } of members) client.disconnect();
    redis.disconnect();
  });

  it('gives lone events to the members of a group by turns', async () => {
    const three = [await add('billing', 1), await add('billing', 2), await add('billing', 3)];
    for (const [turn, body] of numbered(9).entries()) {
      expect(await publish(redis, channel, turn, [body])).toEqual({ broadcast: 0, groups: { billing: 1 } });
    }
    const heard = await Promise.all(three.map((member) => member.caughtUp()));
    expect(heard.map((bodies) => bodies.length)).toEqual([3, 3, 3]);
    expect(heard.flat().sort()).toEqual(numbered(9).sort());
  });

  it('deals a burst out over the members, one frame each, in order', async () => {
    const three = [await add('billing', 1), await add('billing', 2), await add('billing', 3)];
    await publish(redis, channel, 7, numbered(32));
    for (const member of three) {
      const heard = (await member.caughtUp()).map((body) => JSON.parse(body).n);
      expect(member.messages).toHaveLength(1);
      expect(heard.length).toBeGreaterThanOrEqual(10);
      expect(heard).toEqual([...heard].sort((a, b) => a - b));
    }
    expect(three.flatMap(({ heard }) => heard).sort()).toEqual(numbered(32).sort());
  });

  it('gives every group each event, and everybody who listens to all of it', async () => {
    const billing = await add('billing', 1);
    const audit = await add('billing.audit', 2);
    const listener = connect();
    const frames: string[] = [];
    listener.on('message', (_name: string, frame: string) => frames.push(frame));
    await listener.subscribe(broadcastChannel(channel));
    expect(await publish(redis, channel, 0, numbered(2))).toEqual({
      broadcast: 1,
      groups: { billing: 1, 'billing.audit': 1 },
    });
    await listener.ping();
    expect(frames).toEqual(['\x1e{"n":0}\n\x1e{"n":1}\n']);
    expect(await billing.caughtUp()).toEqual(numbered(2));
    expect(await audit.caughtUp()).toEqual(numbered(2));
    listener.disconnect();
  });

  it.each([
    ['without a key', undefined],
    ['with a key', 'ann'],
  ])('sends a lone event %s as itself to everybody: a frame is for several', async (_how, key) => {
    const member = await add('billing', 1);
    const listener = connect();
    const frames: string[] = [];
    listener.on('message', (_name: string, frame: string) => frames.push(frame));
    await listener.subscribe(broadcastChannel(channel), channel);
    await publish(redis, channel, 0, numbered(1), [key]);
    await Promise.all([listener.ping(), member.caughtUp()]);
    expect(frames, 'on the public channel, and on Belfry’s own').toEqual([...numbered(1), ...numbered(1)]);
    expect(member.messages).toEqual(numbered(1));
    listener.disconnect();
  });

  it('is not deceived by a client that listens to everything', async () => {
    const tap = connect();
    await tap.psubscribe(`*${channel}*`); // no wider: others count who listens, too
    const member = await add('billing', 1);
    expect((await publish(redis, channel, 0, numbered(1))).groups).toEqual({ billing: 1 });
    member.client.disconnect();
    await vi.waitUntil(async () => (await publish(redis, channel, 0, numbered(1))).groups.billing === 0);
    tap.disconnect();
  });

  it.each([1, 8])(
    'passes over a dead member, and drops its place once another has received (%i at a time)',
    async (count) => {
      const dead = await add('billing', 1);
      const living = await add('billing', 2);
      dead.client.disconnect();
      await vi.waitUntil(
        async () =>
          ((await redis.call('PUBSUB', 'SHARDNUMSUB', inboxChannel(channel, 'billing', dead.id))) as unknown[])[1] ===
          0,
      );
      for (let turn = 0; turn < 2; turn++) {
        expect((await publish(redis, channel, turn, numbered(count, turn * count))).groups).toEqual({ billing: 1 });
      }
      expect(await living.caughtUp()).toEqual(numbered(2 * count));
      expect(await redis.hget(membersKey(channel), 'billing')).toBe(`${living.id}01`);
    },
  );

  it.each([1, 8])('keeps the ring as it is when no member receives, and says so (%i at a time)', async (count) => {
    const two = [await add('billing', 1), await add('billing', 2)];
    const before = await redis.hget(membersKey(channel), 'billing');
    for (const { client } of two) client.disconnect();
    await vi.waitUntil(
      async () =>
        toReceipt(await runScript(redis, audienceScript, [membersKey(channel)], [channel])).groups.billing === 0,
    );
    expect(await publish(redis, channel, 0, numbered(count))).toEqual({ broadcast: 0, groups: { billing: 0 } });
    expect(await redis.hget(membersKey(channel), 'billing')).toBe(before);
  });

  it('gives the events of one key to one member, and spreads the keys', async () => {
    const five = await Promise.all([1, 2, 3, 4, 5].map((n) => add('billing', n)));
    const keys = Array.from({ length: 500 }, (_, i) => `customer-${i}`);
    const bodies = keys.map((key) => `{"key":"${key}"}`);
    await publish(redis, channel, 0, bodies.slice(0, 250), keys.slice(0, 250)); // in a burst
    for (let i = 250; i < 500; i++) await publish(redis, channel, i, [bodies[i]!], [keys[i]]); // and alone
    await publish(redis, channel, 3, bodies.slice(250), keys.slice(250));
    const heard = await Promise.all(five.map((member) => member.caughtUp()));
    expect(heard.flat()).toHaveLength(750);
    expect(new Set(heard.flatMap((mine) => [...new Set(mine)])).size).toBe(500);
    expect(heard.reduce((sum, mine) => sum + new Set(mine).size, 0)).toBe(500); // no key at two members
    for (const mine of heard) expect(new Set(mine).size).toBeGreaterThan(50); // of 100 each on average
  });

  it('moves about one key in n when a member joins', async () => {
    const owners = async (members: RingMember[]) => {
      for (const member of members) member.heard.length = 0;
      const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
      await publish(
        redis,
        channel,
        0,
        keys.map((key) => `"${key}"`),
        keys,
      );
      const heard = await Promise.all(members.map((member) => member.caughtUp()));
      return new Map(heard.flatMap((bodies, at) => bodies.map((body) => [body, members[at]?.id] as const)));
    };
    const four = await Promise.all([1, 2, 3, 4].map((n) => add('billing', n)));
    const before = await owners(four);
    const five = [...four, await add('billing', 5)];
    const after = await owners(five);
    const moved = [...after].filter(([key, owner]) => before.get(key) !== owner);
    expect(moved.length).toBeGreaterThan(15);
    expect(moved.length).toBeLessThan(80);
    expect(new Set(moved.map(([, owner]) => owner))).toEqual(new Set([five[4]?.id])); // and only to the new one
  });

  it('publishes each event as one JSON object on the public channel, and only if asked to', async () => {
    const anyone = connect();
    const heard: string[] = [];
    anyone.on('message', (_name: string, text: string) => heard.push(text));
    await anyone.subscribe(channel);
    await publish(redis, channel, 0, numbered(3));
    await publish(redis, channel, 0, numbered(3, 10), [], '0');
    await anyone.ping();
    expect(heard).toEqual(numbered(3));
    anyone.disconnect();
  });

  it('writes nothing while all members live', async () => {
    await add('billing', 1);
    await add('billing', 2);
    const changes = async () => /rdb_changes_since_last_save:(\d+)/.exec(await redis.info('persistence'))?.[1];
    await using quiet = await startRedis({ fresh: true });
    const other = connect(quiet.url);
    const three = await Promise.all([1, 2, 3].map((n) => RingMember.join(other, channel, 'billing', n, quiet.url)));
    const dirty = async () => /rdb_changes_since_last_save:(\d+)/.exec(await other.info('persistence'))?.[1];
    const before = await dirty();
    for (let turn = 0; turn < 10; turn++)
      await publish(other, channel, turn, numbered(turn + 1), turn % 2 ? ['a'] : []);
    expect(await dirty()).toBe(before);
    expect(await changes()).toBeDefined();
    for (const { client } of [...three, { client: other }]) client.disconnect();
  });

  it('publishes while Redis is out of memory, also past a dead member', async () => {
    await using full = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
    const other = connect(full.url);
    const [dead, living] = [
      await RingMember.join(other, channel, 'billing', 1, full.url),
      await RingMember.join(other, channel, 'billing', 2, full.url),
    ];
    await other.config('SET', 'maxmemory', '1mb');
    await expect(other.set('x', 'y')).rejects.toThrow('OOM');
    await join(other, channel, 'billing', idOf(3)); // a service may start again while Redis is full
    expect(await publish(other, channel, 0, numbered(1))).toEqual({ broadcast: 0, groups: { billing: 1 } });
    expect(await publish(other, channel, 0, numbered(8))).toEqual({ broadcast: 0, groups: { billing: 1 } });
    dead.client.disconnect();
    await vi.waitUntil(
      async () =>
        ((await other.call('PUBSUB', 'SHARDNUMSUB', inboxChannel(channel, 'billing', dead.id))) as unknown[])[1] === 0,
    );
    living.heard.length = 0;
    for (let turn = 0; turn < 4; turn++) await publish(other, channel, turn, numbered(1, turn));
    expect(await publish(other, channel, 0, numbered(8, 4))).toEqual({ broadcast: 0, groups: { billing: 1 } });
    expect(await living.caughtUp()).toEqual(numbered(12));
    for (const { client } of [living, { client: other }]) client.disconnect();
  });

  it('gives the events of a key to another member when its own is dead', async () => {
    const three = [await add('billing', 1), await add('billing', 2), await add('billing', 3)];
    await publish(redis, channel, 0, ['1'], ['ann']);
    const heard = await Promise.all(three.map((member) => member.caughtUp()));
    const owner = three[heard.findIndex((mine) => mine.length === 1)]!;
    const others = three.filter((member) => member !== owner);
    owner.client.disconnect();
    const inbox = inboxChannel(channel, 'billing', owner.id);
    await vi.waitUntil(async () => ((await redis.call('PUBSUB', 'SHARDNUMSUB', inbox)) as unknown[])[1] === 0);
    expect((await publish(redis, channel, 0, ['2'], ['ann'])).groups).toEqual({ billing: 1 });
    await publish(redis, channel, 1, ['3', '4'], ['ann', 'ann']);
    const rest = await Promise.all(others.map((member) => member.caughtUp()));
    expect(rest.map((mine) => mine.join(' ')).sort()).toEqual(['', '2 3 4']);
    expect(await redis.hget(membersKey(channel), 'billing')).not.toContain(owner.id);
  });

  it.each([
    ['of a wrong length', 'xyz'],
    ['that names nobody', 'z'.repeat(18)],
  ])('is not stopped by a forged ring %s', async (_what, forged) => {
    const member = await add('audit', 1);
    await redis.hset(membersKey(channel), 'billing', forged);
    await publish(redis, channel, 0, ['1']);
    await publish(redis, channel, 0, ['2'], ['ann']);
    expect(await publish(redis, channel, 0, ['3', '4'], ['ann'])).toEqual({
      broadcast: 0,
      groups: { audit: 1, billing: 0 },
    });
    expect(await member.caughtUp()).toEqual(['1', '2', '3', '4']);
  });

  it('refuses, before anybody has received anything, when the members are something else', async () => {
    const listener = connect();
    const heard: string[] = [];
    listener.on('message', (_name: string, text: string) => heard.push(text));
    await listener.subscribe(broadcastChannel(channel), channel);
    await redis.set(membersKey(channel), 'text');
    await expect(publish(redis, channel, 0, ['1'])).rejects.toThrow('WRONGTYPE');
    await expect(publish(redis, channel, 0, ['1', '2'])).rejects.toThrow('WRONGTYPE');
    await listener.ping();
    expect(heard).toEqual([]);
    listener.disconnect();
  });

  it('keeps one place for an instance, however often it joins', async () => {
    for (let i = 0; i < 3; i++) await join(redis, channel, 'billing', idOf(1));
    await join(redis, channel, 'billing', idOf(2));
    await join(redis, channel, 'billing', idOf(1));
    expect(await redis.hget(membersKey(channel), 'billing')).toBe(`${idOf(1)}01${idOf(2)}01`);
  });

  it('removes places without a stamp, and remembers the group', async () => {
    await join(redis, channel, 'billing', idOf(1));
    await join(redis, channel, 'audit', idOf(2));
    await redis.zadd(stampsKey(channel), Date.now() - 20_000, `billing ${idOf(1)}`);
    expect(await join(redis, channel, 'audit', idOf(2), 15_000)).toBe(1);
    expect(await redis.hgetall(membersKey(channel))).toEqual({ billing: '', audit: `${idOf(2)}01` });
    expect(await publish(redis, channel, 0, numbered(1))).toEqual({ broadcast: 0, groups: { billing: 0, audit: 0 } });
    await vi.waitUntil(async () => {
      await join(redis, channel, 'audit', idOf(2), 15_000, 100);
      return !('billing' in (await redis.hgetall(membersKey(channel))));
    });
    expect(await redis.zrange(stampsKey(channel), '0', '-1')).toEqual([`audit ${idOf(2)}`]);
  });

  it('removes nobody for whoever was away for as long: everybody slept, or the clock was put forward', async () => {
    await join(redis, channel, 'billing', idOf(1));
    await join(redis, channel, 'audit', idOf(2));
    const long = Date.now() - 3_600_000;
    await redis.zadd(stampsKey(channel), long, `billing ${idOf(1)}`, long, `audit ${idOf(2)}`);
    expect(await join(redis, channel, 'audit', idOf(2), 15_000)).toBe(0);
    expect(await redis.hget(membersKey(channel), 'billing')).toBe(`${idOf(1)}01`);
    expect(await join(redis, channel, 'audit', idOf(2), 15_000)).toBe(1); // who gives no sign of life until the next stamp is gone
    expect(await redis.hget(membersKey(channel), 'billing')).toBe('');
  });

  it('leaves no place behind, but the group stays known until its time is over', async () => {
    await join(redis, channel, 'billing', idOf(1));
    await join(redis, channel, 'billing', idOf(2));
    expect(await leave(redis, channel, 'billing', idOf(1))).toBe(1);
    expect(await leave(redis, channel, 'billing', idOf(1))).toBe(0);
    expect(await redis.hget(membersKey(channel), 'billing')).toBe(`${idOf(2)}01`);
    await leave(redis, channel, 'billing', idOf(2));
    expect(await redis.hgetall(membersKey(channel))).toEqual({ billing: '' });
    expect(await redis.pttl(membersKey(channel))).toBeGreaterThan(86_000_000);
    expect(await redis.pttl(stampsKey(channel))).toBeGreaterThan(86_000_000);
  });

  const folder = new URL('./lua/', import.meta.url);
  const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');
  const files = readdirSync(folder).filter((file) => file.endsWith('.lua'));

  it('has the texts that stand in the .lua files', () => {
    const texts = files.map((file) => [file.replace('.lua', ''), read(file)]);
    expect(luaTexts, 'a .lua file has changed: npm run lua').toEqual(Object.fromEntries(texts));
  });

  it('has, in each script, the includes as they stand in files of their own', () => {
    const asked = new Set<string>();
    for (const file of files) {
      for (const [, part = '', rest = ''] of read(file).matchAll(
        /^-- include (.*)\n([\s\S]*?)(?=^-- include |(?![\s\S]))/gm,
      )) {
        asked.add(`${part}.lua`);
        const [included] = rest.split(`-- end of ${part}\n`);
        expect(included, `${file} includes another ${part}: npm run lua`).toBe(read(`includes/${part}.lua`));
      }
    }
    expect([...asked].sort()).toEqual(readdirSync(new URL('includes/', folder)).sort());
  });

  it('writes above each script what goes in and what comes out', () => {
    for (const file of files) {
      const [header = '', body = ''] = read(file).split(']]\n', 2);
      expect(header, file).toMatch(new RegExp(`^(#!lua [^\\n]*\\n)?--\\[\\[ ${file}: `));
      expect(header, file).toContain('Returns');
      const used = (text: string, what: string) =>
        [...new Set([...text.matchAll(new RegExp(`${what}\\[(\\d+)`, 'g'))].map(([, n]) => n))].sort();
      const rest = read(file).slice(header.length);
      expect(used(header, 'KEYS'), `${file}: ${body.length}`).toEqual(used(rest, 'KEYS'));
      for (const argument of used(rest, 'ARGV')) expect(used(header, 'ARGV'), file).toContain(argument);
    }
  });
});
