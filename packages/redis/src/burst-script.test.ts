import { crc32 } from 'node:zlib';
import { decodeEnvelope, type Envelope } from '@belfry/core';
import { type RedisServer, startRedis, uniqueNamespace } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, idOf, isGone, join, RingMember } from '../test/ring-member.js';
import { eachInFrame, FRAME_BEGINNING, toRecord, toSharedRecord } from './frame.js';
import { broadcastChannel, frameReadersChannel, historyKey, membersKey } from './names.js';
import { toReceipt } from './receipt.js';
import { burstScript, historyScript, publishScript, recoverScript, runScript } from './scripts.js';

const sharedAt = (second: number): string =>
  `{"specversion":"1.0","source":"/shop/100 %","type":"orders.placed","dataversion":"1","datacontenttype":"application/json","time":"2026-05-01T12:00:0${second}.000Z"`;
const ownOf = (n: number): string => `"sequence":"${n}","id":"i-${n}","data":${JSON.stringify(`%1 {"shared": ${n}}`)}}`;
const wholeOf = (n: number, second = 0): string => `${sharedAt(second)},${ownOf(n)}`;

/** Events 1 to `count`, of which those after `later` are of the next second. */
const frameOf = (count: number, later = count): string => {
  let frame = toSharedRecord(sharedAt(0));
  for (let n = 1; n <= count; n++) {
    if (n === later + 1) frame += toSharedRecord(sharedAt(1));
    frame += toRecord(`{${ownOf(n)}`);
  }
  return frame;
};
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const envelopesIn = (messages: readonly string[], isGroup = false): Envelope[] => {
  const found: Envelope[] = [];
  for (const message of messages)
    eachInFrame(message, { channel: '' }, (body, { shared }) => found.push(decodeEnvelope(body, shared)), isGroup);
  return found;
};
const isOfVersion2 = (message: string): boolean => message.startsWith(FRAME_BEGINNING);

describe('burst.lua', () => {
  let server: RedisServer;
  let redis: Redis;
  let channel: string;
  const clients: Redis[] = [];
  const add = async (group: string, n: number, version: string) => {
    const member = await RingMember.join(redis, channel, group, n, server.url, version);
    clients.push(member.client);
    return member;
  };
  /** A client that listens to these channels, and what it has heard. */
  const listen = async (...channels: string[]) => {
    const client = connect(server.url);
    clients.push(client);
    const heard: string[] = [];
    client.on('message', (_, message: string) => heard.push(message));
    await client.subscribe(...channels);
    return { client, heard };
  };
  const publish = async (frame: string, { keys = '', turn = 0, isPublic = '1' } = {}) =>
    toReceipt(
      await runScript(redis, burstScript, [membersKey(channel)], [channel, isPublic, String(turn), keys, frame]),
    );
  const keep = async (frame: string, events: number, count = 10_000) =>
    toReceipt(
      await runScript(
        redis,
        burstScript,
        [membersKey(channel), historyKey(channel)],
        [channel, '1', '0', '', frame.slice(FRAME_BEGINNING.length), String(events), '3600000', String(count)],
      ),
    );
  const history = async (after: string, count = 1000) =>
    (await runScript(redis, historyScript, [historyKey(channel)], [after, String(count), '1048576'])) as [
      string,
      [string, string][],
    ];

  // Of its own: whoever listens by pattern anywhere on a server makes a difference.
  beforeAll(async () => {
    server = await startRedis({ fresh: true });
    redis = connect(server.url);
  });
  beforeEach(() => {
    channel = `${uniqueNamespace()}:orders.placed`;
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => {
    for (const client of clients) client.disconnect();
    redis.disconnect();
    return server.stop();
  });

  it('gives a lone member the frame as it is, if it reads it, else whole envelopes', async () => {
    const [modern, former] = [await add('billing', 1, '02'), await add('audit', 2, '01')];
    const frame = frameOf(5, 3);
    expect(await publish(frame)).toEqual({ broadcast: 0, groups: { billing: 1, audit: 1 } });
    await Promise.all([modern.caughtUp(), former.caughtUp()]);
    expect(modern.messages).toEqual([frame]);
    expect(former.heard).toEqual([1, 2, 3, 4, 5].map((n) => wholeOf(n, n > 3 ? 1 : 0)));
  });

  it('deals a burst out over members of both versions, by turn: to each what it reads, in order', async () => {
    const members = [await add('billing', 1, '02'), await add('billing', 2, '01'), await add('billing', 3, '02')];
    await publish(frameOf(10, 4), { turn: 1 });
    for (const member of members) await member.caughtUp();
    const dealt = members.map(({ messages }) => envelopesIn(messages));
    expect(dealt.map((events) => events.map(({ sequence }) => Number(sequence)))).toEqual([
      [3, 6, 9],
      [1, 4, 7, 10],
      [2, 5, 8],
    ]);
    expect(dealt.flat().map((event) => ({ ...event }))).toEqual(
      [3, 6, 9, 1, 4, 7, 10, 2, 5, 8].map((n) => JSON.parse(wholeOf(n, n > 4 ? 1 : 0))),
    );
    expect(members.map(({ messages }) => messages.map(isOfVersion2))).toEqual([[true], [false], [true]]);
  });

  it('sends what is dealt to a member alone as itself', async () => {
    const members = [await add('billing', 1, '02'), await add('billing', 2, '02')];
    await publish(frameOf(2));
    for (const member of members) await member.caughtUp();
    expect(members.flatMap(({ messages }) => messages).sort()).toEqual([wholeOf(1), wholeOf(2)]);
  });

  it('gives a key to the member that publish.lua gives it to', async () => {
    const members = [await add('billing', 1, '02'), await add('billing', 2, '02'), await add('billing', 3, '01')];
    const keys = numbers(20).map((n) => (n % 4 === 0 ? undefined : `customer ${n % 7}`));
    const sums = keys.map((key) => (key === undefined ? '' : String(crc32(key))));
    await publish(frameOf(20), { keys: sums.map((sum) => `${sum},`).join('') });
    for (const member of members) await member.caughtUp();
    const byBurst = members.map(({ messages }) => envelopesIn(messages).map(({ id }) => id));
    for (const member of members) member.messages.length = 0;
    const apart = numbers(20).flatMap((n) => [sums[n - 1]!, wholeOf(n)]);
    await runScript(redis, publishScript, [membersKey(channel)], [channel, '1', '0', ...apart]);
    for (const member of members) await member.caughtUp();
    expect(members.map(({ messages }) => envelopesIn(messages).map(({ id }) => id))).toEqual(byBurst);
  });

  it('passes dead members over, and drops their places once another one has received', async () => {
    const [dead, living] = [await add('billing', 1, '02'), await add('billing', 2, '02')];
    dead.client.disconnect();
    await isGone(redis, channel, 'billing', dead.id);
    expect(await publish(frameOf(4))).toEqual({ broadcast: 0, groups: { billing: 1 } });
    await living.caughtUp();
    expect(envelopesIn(living.messages).map(({ id }) => id)).toEqual(['i-1', 'i-2', 'i-3', 'i-4']);
    expect(await redis.hget(membersKey(channel), 'billing')).toBe(`${living.id}02`);
    living.client.disconnect();
    await isGone(redis, channel, 'billing', living.id);
    expect(await publish(frameOf(4))).toEqual({ broadcast: 0, groups: { billing: 0 } });
    expect(await redis.hget(membersKey(channel), 'billing'), 'nobody received').toBe(`${living.id}02`);
  });

  it('says what is shared once on the broadcast channel, as long as everybody there reads it', async () => {
    const all = broadcastChannel(channel);
    const modern = await listen(all, frameReadersChannel(channel));
    expect(await publish(frameOf(3))).toEqual({ broadcast: 1, groups: {} });
    const former = await listen(all);
    expect(await publish(frameOf(3))).toEqual({ broadcast: 2, groups: {} });
    await former.client.unsubscribe();
    await publish(frameOf(3));
    await modern.client.ping();
    expect(modern.heard.map(isOfVersion2)).toEqual([true, false, true]);
    expect(former.heard.map(isOfVersion2)).toEqual([false]);
    const once = numbers(3).map((n) => JSON.parse(wholeOf(n)));
    expect(envelopesIn(modern.heard)).toEqual([...once, ...once, ...once]);
  });

  it('says everything in whole envelopes where somebody listens by pattern', async () => {
    const client = connect(server.url);
    clients.push(client);
    const heard: [string, string][] = [];
    client.on('pmessage', (_pattern, on: string, message: string) => heard.push([on, message]));
    await client.psubscribe(`*${channel}*`);
    await publish(frameOf(2));
    await client.ping();
    expect(heard).toEqual([
      [channel, wholeOf(1)],
      [channel, wholeOf(2)],
      [broadcastChannel(channel), toRecord(wholeOf(1)) + toRecord(wholeOf(2))],
    ]);
  });

  it('publishes each event as one JSON object on the public channel, and only if asked to', async () => {
    const listener = await listen(channel);
    await publish(frameOf(3, 1));
    await publish(frameOf(3), { isPublic: '0' });
    await listener.client.ping();
    expect(listener.heard).toEqual([wholeOf(1), wholeOf(2, 1), wholeOf(3, 1)]);
  });

  it('refuses, before anybody has received anything, when the members or what is kept are something else', async () => {
    const listener = await listen(broadcastChannel(channel), channel);
    await redis.set(historyKey(channel), 'a text');
    await expect(keep(frameOf(2), 2)).rejects.toThrow('WRONGTYPE');
    await redis.set(membersKey(channel), 'a text');
    await expect(publish(frameOf(2))).rejects.toThrow('WRONGTYPE');
    await listener.client.ping();
    expect(listener.heard).toEqual([]);
  });

  describe('with recover', () => {
    it('keeps a frame, and gives its events back one by one, from any of them on', async () => {
      const listener = await listen(broadcastChannel(channel), frameReadersChannel(channel));
      await keep(frameOf(5, 3), 5);
      await runScript(
        redis,
        recoverScript,
        [membersKey(channel), historyKey(channel)],
        [channel, '1', '0', '3600000', '10000', '', wholeOf(6)],
      );
      await keep(frameOf(4), 4);
      await listener.client.ping();
      const heard = envelopesIn(listener.heard);
      const cursors = heard.map(({ cursor }) => String(cursor));
      expect(cursors.map((cursor) => Number(cursor.split('-')[1]))).toEqual(numbers(10));
      const [last, all] = await history('0-0');
      expect(last).toBe(cursors[9]);
      expect(all.map(([cursor]) => cursor)).toEqual(cursors);
      expect(all.map(([cursor, body]) => ({ cursor, ...decodeEnvelope(body) }))).toEqual(heard);
      for (const [at, cursor] of cursors.entries())
        expect((await history(cursor))[1].map(([found]) => found)).toEqual(cursors.slice(at + 1));
    });

    it('goes on where a release that knows no marks has gone on before it', async () => {
      await keep(frameOf(3), 3);
      const [last] = await history('0-0');
      const [ms, number] = last.split('-').map(Number);
      await redis.xadd(historyKey(channel), `${ms! + 1}-${number! + 1}`, 'e', wholeOf(9));
      await keep(frameOf(2), 2);
      const [, all] = await history('0-0');
      expect(all.map(([cursor]) => Number(cursor.split('-')[1]))).toEqual(numbers(6));
    });

    it('begins anew when what was kept is gone, or its marks with it', async () => {
      await keep(frameOf(3), 3);
      await redis.del(historyKey(channel));
      await keep(frameOf(2), 2);
      expect((await history('0-0'))[1].map(([cursor]) => Number(cursor.split('-')[1]))).toEqual([1, 2]);
      await redis.del(`${historyKey(channel)}:marks`);
      await keep(frameOf(2), 2);
      expect((await history('0-0'))[1].map(([cursor]) => Number(cursor.split('-')[1]))).toEqual([1, 2, 3, 4]);
    });

    it('keeps as many events as it was told to, and not many more', async () => {
      for (let n = 0; n < 60; n++) await keep(frameOf(50), 50, 1000);
      const [last, all] = await history('0-0', 100_000);
      expect(last.split('-')[1]).toBe('3000');
      expect(all.length).toBeGreaterThanOrEqual(1000);
      expect(all.length).toBeLessThan(1500);
      expect(await redis.hlen(`${historyKey(channel)}:marks`)).toBeLessThan(16);
      expect(await redis.pttl(historyKey(channel))).toBeGreaterThan(3_600_000);
      expect(await redis.pttl(`${historyKey(channel)}:marks`)).toBeGreaterThan(3_600_000);
    });
  });

  it('keeps a place that is not its own out of it', async () => {
    await join(redis, channel, 'billing', idOf(1), undefined, undefined, '02');
    await redis.hset(membersKey(channel), 'audit', 'not a ring');
    expect(await publish(frameOf(2))).toEqual({ broadcast: 0, groups: { billing: 0, audit: 0 } });
  });
});
