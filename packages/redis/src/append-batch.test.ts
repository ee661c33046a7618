import type { Appended, OutgoingDurableEvent } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { callsOf, connectTo, nextTurn, startOwnRedis } from '../test/durable-world.js';
import { range, sharedUrl, startTransport } from '../test/world.js';
import { AppendBatch, AppendSequence } from './append-batch.js';
import { broadcastChannel, logKey } from './names.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

describe('the numbers of the batches of a publisher', () => {
  it('say up to where all answers were heard', () => {
    const sequence = new AppendSequence(() => {});
    expect(sequence.heard).toBe(0);
    expect([sequence.next(), sequence.next(), sequence.next()]).toEqual([1, 2, 3]);
    expect(sequence.heard).toBe(0);
    sequence.close(2);
    expect(sequence.heard).toBe(0);
    sequence.close(1);
    expect(sequence.heard).toBe(2);
    sequence.close(3);
    expect(sequence.heard).toBe(3);
    expect(sequence.next()).toBe(4);
    expect(sequence.heard).toBe(3);
  });

  it('are closed when a batch is answered, and when it is given up', async () => {
    const sequence = new AppendSequence(() => {});
    const batches = range(3).map(() => new AppendBatch(eventOf('shop:orders.paid', '{}')));
    const outcomes = batches.map((batch) => batch.add(eventOf('shop:orders.paid', '{}')));
    for (const batch of batches) batch.seal('0123456789abcdef', sequence);
    batches[1]?.reject(new Error('given up'));
    await expect(outcomes[1]).rejects.toThrow('given up');
    expect(sequence.heard).toBe(0);
    batches[0]?.resolve([0, ['1-0'], [], 1]);
    await outcomes[0];
    expect(sequence.heard).toBe(2);
  });

  it('come with how many entries there were, and less than was confirmed is a loss', () => {
    const tellLoss = vi.fn();
    const sequence = new AppendSequence(tellLoss);
    sequence.counted(5, 5);
    sequence.counted(9, 2); // others publish too
    sequence.counted(9, 0);
    expect(tellLoss).not.toHaveBeenCalled();
    sequence.counted(4, 3);
    expect(tellLoss.mock.calls).toEqual([[8]]);
    sequence.counted(5, 1);
    expect(tellLoss).toHaveBeenCalledTimes(1);
  });
});

function eventOf(channel: string, body: string, rest: Partial<OutgoingDurableEvent> = {}): OutgoingDurableEvent {
  return {
    channel,
    body,
    key: undefined,
    messageId: body,
    window: undefined,
    delay: undefined,
    cap: undefined,
    ...rest,
  };
}

describe('appending over Redis', () => {
  let channel: string;
  beforeEach(() => {
    channel = `${uniqueNamespace()}:orders.paid`;
  });
  const start = (url = sharedUrl) => {
    const { durable, instance } = startTransport('shop', { url, heartbeat: '1h' });
    const append = (body: string, rest: Partial<OutgoingDurableEvent> = {}): Promise<Appended> =>
      (durable as NonNullable<typeof durable>).append(eventOf(channel, body, rest));
    return { append, instance };
  };
  const logged = async (redis = admin) =>
    (await redis.xrange(logKey(channel), '-', '+')).map(([id, [, body, , , , key]]) => ({ id, body, key }));

  it('gives each event of a batch its own answer', async () => {
    const { append } = start();
    const listener = new Redis(sharedUrl);
    await listener.subscribe(broadcastChannel(channel));
    const given = { messageId: 'the-same', window: 60_000 };
    const answers = await Promise.all([
      append('a'),
      append('b', { key: '' }),
      append('c', { key: 'k', ...given }),
      append('d', given),
      append('e', { delay: 60_000 }),
    ]);
    listener.disconnect();
    const [a, b, c] = await logged();
    expect([a, b, c].map((entry) => [entry?.body, entry?.key])).toEqual([
      ['a', undefined],
      ['b', ''],
      ['c', 'k'],
    ]);
    expect(answers).toEqual([
      { entry: a?.id, duplicate: false, broadcast: 1, groups: {} },
      { entry: b?.id, duplicate: false, broadcast: 1, groups: {} },
      { entry: c?.id, duplicate: false, broadcast: 1, groups: {} },
      { entry: c?.id, duplicate: true, broadcast: 0, groups: {} },
      { entry: undefined, duplicate: false, broadcast: 0, groups: {} },
    ]);
    expect(await append('f', given)).toMatchObject({ entry: c?.id, duplicate: true });
    expect(await append('g', { ...given, delay: 10 })).toMatchObject({ entry: c?.id, duplicate: true });
  });

  it('sends what one turn appends to one channel as one command, and a turn that is too long as several, in order', async () => {
    const redis = await startOwnRedis();
    const client = connectTo(redis.url);
    const { append } = start(redis.url);
    await append('-');
    const before = await callsOf(client, 'evalsha');
    await Promise.all(range(256).map((n) => append(String(n))));
    expect((await callsOf(client, 'evalsha')) - before).toBe(1);
    await Promise.all(range(600).map((n) => append(String(n))));
    expect((await callsOf(client, 'evalsha')) - before).toBe(4);
    await Promise.all(range(4).map(() => append('x'.repeat(200_000))));
    expect((await callsOf(client, 'evalsha')) - before).toBe(8);
    const bodies = (await logged(client)).map(({ body }) => body);
    expect(bodies.slice(0, 857)).toEqual(['-', ...[...range(256), ...range(600)].map(String)]);
  });

  it('tells Redis what it has heard, so that little is kept for it', async () => {
    const { append, instance } = start();
    for (const n of range(30)) {
      void append(String(n));
      await (n % 3 === 0 ? append('-') : nextTurn());
    }
    await append('-');
    await append('-');
    const sent = await admin.hgetall(logKey(channel).replace(/log$/, `sent:${instance}`));
    expect(Object.keys(sent).sort()).toEqual([sent.last, 'from', 'last']);
    expect(await logged()).toHaveLength(42);
  });

  it('does not pretend to know what became of a batch when Redis does not', async () => {
    const { append, instance } = start();
    await append('a');
    await admin.hset(logKey(channel).replace(/log$/, `sent:${instance}`), 'last', 1000);
    await expect(append('b')).rejects.toMatchObject({ code: 'PUBLISH_UNCONFIRMED' });
    expect((await logged()).map(({ body }) => body)).toEqual(['a']);
  });

  it('goes on when Redis has forgotten who it is', async () => {
    const { append, instance } = start();
    await append('a');
    expect(await admin.del(logKey(channel).replace(/log$/, `sent:${instance}`))).toBe(1);
    await append('b');
    await append('c');
    expect((await logged()).map(({ body }) => body)).toEqual(['a', 'b', 'c']);
  });

  it('takes fractions of milliseconds for what is at least one', async () => {
    const { append } = start();
    await append('a', { messageId: 'x', window: 0.2 });
    await append('b', { messageId: 'y', delay: 0.2 });
    await vi.waitUntil(async () => {
      await append('c');
      return (await logged()).some(({ body }) => body === 'b');
    });
  });
});
