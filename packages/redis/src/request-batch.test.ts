import type { Deliver, OutgoingRequest, Transport } from '@belfry/core';
import { startProxy, startRedis, uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { asking, collectingLogger, range, requestOf, sharedUrl, startTransport } from '../test/world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

const turnOver = () => new Promise((resolve) => setImmediate(resolve));
const evalshaCalls = async (redis: Redis) =>
  Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);

/** Answers on a channel, in the group `pricing`: notes what it is asked. */
async function respond(transport: Transport, channel: string): Promise<number[]> {
  const noted: number[] = [];
  const deliver: Deliver = (body) => void noted.push(JSON.parse(body).n);
  await transport.subscribe({ kind: 'group', channel, group: 'pricing' }, deliver);
  return noted;
}

describe('asking over Redis', () => {
  let channel: string;
  beforeEach(() => {
    channel = `${uniqueNamespace()}:pricing.quote/request`;
  });
  /** Counts how often it is encoded. */
  const counted = (n: number) => {
    const request = { ...requestOf(channel, n), encoded: 0 };
    const { encode } = request;
    request.encode = () => {
      request.encoded++;
      return encode();
    };
    return request;
  };
  const gone = (): OutgoingRequest => ({ ...requestOf(channel, -1), encode: () => undefined });

  it('resolves with who received it, or with nothing when nobody did', async () => {
    const asker = startTransport('shop', { url: sharedUrl });
    expect(await asking(asker, requestOf(channel, 0))).toBeUndefined();
    const responder = startTransport('pricing', { url: sharedUrl });
    const noted = await respond(responder, channel);
    expect(await asking(asker, requestOf(channel, 1))).toBe(`pricing/${responder.instance}`);
    await vi.waitUntil(() => noted.length === 1);
    expect(noted).toEqual([1]);
  });

  it('sends what one turn asks on one channel as one command, and gives each its own answer', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const options = { url: redis.url, heartbeat: '1h' as const };
    const [one, two] = [startTransport('pricing', options), startTransport('pricing', options)];
    const [atOne, atTwo] = [await respond(one, channel), await respond(two, channel)];
    const asker = startTransport('shop', options);
    await asking(asker, requestOf(channel, -1));
    const before = await evalshaCalls(client);
    const receivers = await Promise.all(range(100).map((n) => asking(asker, requestOf(channel, n))));
    expect((await evalshaCalls(client)) - before).toBe(1);
    await vi.waitUntil(() => atOne.length + atTwo.length === 101);
    const of = (id: string) => range(100).filter((n) => receivers[n] === `pricing/${id}`);
    expect(atOne.filter((n) => n >= 0)).toEqual(of(one.instance));
    expect(atTwo.filter((n) => n >= 0)).toEqual(of(two.instance));
    expect([of(one.instance).length, of(two.instance).length]).toEqual([50, 50]);
    client.disconnect();
  });

  it('takes turns from one command to the next', async () => {
    const [one, two] = [startTransport('pricing', { url: sharedUrl }), startTransport('pricing', { url: sharedUrl })];
    await respond(one, channel);
    await respond(two, channel);
    const asker = startTransport('shop', { url: sharedUrl });
    const receivers: (string | undefined)[] = [];
    for (const n of range(6)) receivers.push(await asking(asker, requestOf(channel, n)));
    expect(new Set(receivers.slice(0, 2)).size).toBe(2);
    expect(receivers.slice(2)).toEqual([...receivers.slice(0, 2), ...receivers.slice(0, 2)]);
  });

  it('splits a burst that is too long for one command', async () => {
    const noted = await respond(startTransport('pricing', { url: sharedUrl }), channel);
    const asker = startTransport('shop', { url: sharedUrl });
    const receivers = await Promise.all(range(1000).map((n) => asking(asker, requestOf(channel, n))));
    expect(new Set(receivers).size).toBe(1);
    await vi.waitUntil(() => noted.length === 1000);
    expect(noted).toEqual(range(1000));
  });

  it('encodes when it writes and not before, and leaves out what has nothing to say any more', async () => {
    const responder = startTransport('pricing', { url: sharedUrl });
    const noted = await respond(responder, channel);
    const asker = startTransport('shop', { url: sharedUrl });
    const late = counted(2);
    const answers = [
      asking(asker, requestOf(channel, 1)),
      asking(asker, gone()),
      asking(asker, late),
      asking(asker, gone()),
    ];
    expect(late.encoded).toBe(0);
    const receiver = `pricing/${responder.instance}`;
    expect(await Promise.all(answers)).toEqual([receiver, undefined, receiver, undefined]);
    expect(late.encoded).toBe(1);
    await vi.waitUntil(() => noted.length === 2);
    expect(noted).toEqual([1, 2]);
  });

  it('sends nothing when nothing is left to ask', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const asker = startTransport('shop', { url: redis.url, heartbeat: '1h' });
    await asking(asker, requestOf(channel, 0));
    const before = await evalshaCalls(client);
    expect(await Promise.all([asking(asker, gone()), asking(asker, gone())])).toEqual([undefined, undefined]);
    expect(await evalshaCalls(client)).toBe(before);
    client.disconnect();
  });

  it('waits while Redis is away, encodes when it is back, and resolves with who received it', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const responder = startTransport('pricing', { url: sharedUrl });
    const noted = await respond(responder, channel);
    const logger = collectingLogger();
    const asker = startTransport('shop', { url: proxy.url }, logger);
    await asking(asker, requestOf(channel, 0));
    await proxy.refuse();
    await vi.waitUntil(() => logger.lines.some((line) => line.includes('Redis is away')));
    const [request, given] = [counted(1), { ...counted(2) }];
    let isGivenUp = false;
    given.encode = () => (isGivenUp ? undefined : expect.fail('encoded too early'));
    const answers = Promise.all([asking(asker, request), asking(asker, given)]);
    await turnOver();
    expect(request.encoded).toBe(0);
    isGivenUp = true;
    await proxy.accept();
    expect(await answers).toEqual([`pricing/${responder.instance}`, undefined]);
    expect(request.encoded).toBe(1);
    await vi.waitUntil(() => noted.length === 2);
    expect(noted).toEqual([0, 1]);
  });

  it('rejects as unavailable what could not be written within the bound', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    await proxy.refuse();
    const asker = startTransport('shop', { url: proxy.url, patience: 100 });
    await expect(asking(asker, requestOf(channel, 1))).rejects.toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining(`a request on ${channel}, which was not delivered`),
    });
  });

  it('rejects all of a lost burst as unconfirmed, and never sends it again', async () => {
    await using proxy = await startProxy({ url: sharedUrl });
    const noted = await respond(startTransport('pricing', { url: sharedUrl }), channel);
    const asker = startTransport('shop', { url: proxy.url });
    await asking(asker, requestOf(channel, 0));
    const cut = proxy.cutAfterRequest('"n":2}');
    const requests = range(3, 1).map(counted);
    const settled = await Promise.allSettled(requests.map((request) => asking(asker, request)));
    await cut;
    for (const result of settled) {
      expect(result).toMatchObject({
        reason: { code: 'PUBLISH_UNCONFIRMED', message: expect.stringContaining(`a request on ${channel} `) },
      });
    }
    expect(requests.map(({ encoded }) => encoded)).toEqual([1, 1, 1]);
    await asking(asker, requestOf(channel, 4));
    await vi.waitUntil(() => noted.includes(4));
    expect(noted).toEqual(range(5));
  });

  it('repeats, encoded anew, what Redis had no script for', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const responder = startTransport('pricing', { url: redis.url });
    const noted = await respond(responder, channel);
    const asker = startTransport('shop', { url: redis.url });
    await asking(asker, requestOf(channel, 0));
    await client.script('FLUSH');
    const request = counted(1);
    expect(await asking(asker, request)).toBe(`pricing/${responder.instance}`);
    expect(request.encoded).toBe(2);
    await vi.waitUntil(() => noted.length === 2);
    client.disconnect();
  });

  it('answers every request once while Redis forgets the scripts again and again', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    const responder = startTransport('pricing', { url: redis.url });
    const noted = await respond(responder, channel);
    const asker = startTransport('shop', { url: redis.url });
    const asked: Promise<string | undefined>[] = [];
    for (const turn of range(60)) {
      for (const n of range(5, turn * 5)) asked.push(asking(asker, requestOf(channel, n)));
      if (turn % 10 === 5) client.script('FLUSH').catch(() => {});
      await turnOver();
    }
    expect(new Set(await Promise.all(asked))).toEqual(new Set([`pricing/${responder.instance}`]));
    await vi.waitUntil(() => noted.length === 300);
    expect([...noted].sort((a, b) => a - b)).toEqual(range(300));
    client.disconnect();
  });

  it('tells what Redis refused', async () => {
    await using redis = await startRedis({ fresh: true });
    const client = new Redis(redis.url);
    await client.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@all', '-evalsha');
    const asker = startTransport('shop', { url: redis.url.replace('redis://', 'redis://reader:pw@') });
    await expect(asking(asker, requestOf(channel, 1))).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      message: expect.stringMatching(new RegExp(`a request on ${channel}: .*NOPERM`)),
    });
    client.disconnect();
  });

  it('counts no receiver but a member, whoever listens to everything', async () => {
    const tap = new Redis(sharedUrl);
    await tap.psubscribe(`*${channel}*`); // no wider: others count who listens, too
    const asker = startTransport('shop', { url: sharedUrl });
    expect(await asking(asker, requestOf(channel, 1))).toBeUndefined();
    tap.disconnect();
  });

  it('rejects once it is closed', async () => {
    const asker = startTransport('shop', { url: sharedUrl });
    await asker.close();
    await expect(asking(asker, requestOf(channel, 1))).rejects.toMatchObject({ code: 'BUS_CLOSED' });
  });
});
