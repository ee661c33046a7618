import type { Bus, Subscription } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { inboxChannel, logKey } from '../src/names.js';
import { areWaiting, leftIn, OrderPaid, until } from './durable-world.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

describe('a log that strangers write to', () => {
  let namespace: string;
  let channel: string;
  let bus: Bus;
  let logger: ReturnType<typeof collectingLogger>;
  let subscription: Subscription;
  let reading: Subscription;
  let handled: number[];
  let read: number[];
  beforeEach(async () => {
    namespace = uniqueNamespace();
    channel = `${namespace}:orders.paid`;
    logger = collectingLogger();
    bus = startBus('app', { url: sharedUrl }, { namespace, logger });
    [handled, read] = [[], []];
    subscription = await bus.subscribe(OrderPaid, ({ n }) => void handled.push(n), { claimTimeout: 600 });
    reading = await bus.subscribe(OrderPaid, ({ n }) => void read.push(n), { broadcast: true });
    await bus.publish(OrderPaid, { n: 0 });
    await until(() => handled.length === 1 && read.length === 1);
  });
  const append = (...fields: (string | Buffer)[]) => admin.xadd(logKey(channel), '*', ...fields);
  const bodyOf = async (): Promise<string> => {
    const [entry] = await admin.xrange(logKey(channel), '-', '+');
    return entry?.[1][1] as string;
  };
  const dead = () => bus.inspect(OrderPaid).deadLetters('app').list();

  it.each<[what: string, fields: (string | Buffer)[], code: string]>([
    ['no envelope at all', ['hello', 'world'], 'ENVELOPE_INVALID'],
    ['binary garbage', ['e', Buffer.from([0, 255, 254, 1, 10, 13, 0, 128])], 'ENVELOPE_INVALID'],
    ['no JSON', ['e', '{"specversion":"1.0","id":"x"'], 'ENVELOPE_INVALID'],
    ['an empty envelope and an empty key', ['e', '', 'k', ''], 'ENVELOPE_INVALID'],
    ['very deep JSON', ['e', '['.repeat(10_000)], 'ENVELOPE_INVALID'],
    ['a key of its own', ['e', '{}', 'k', 'a = b {c} \\n *'], 'ENVELOPE_INVALID'],
    ['too much', ['e', `"${'x'.repeat(1_048_577)}"`], 'PAYLOAD_TOO_LARGE'],
  ])('puts %s among the dead letters, once, and goes on', async (_, fields, code) => {
    const id = await append(...fields);
    await bus.publish(OrderPaid, { n: 1 });
    await until(() => handled.length === 2 && read.length === 2);
    await until(async () => (await dead()).length === 1);
    expect((await dead())[0]).toMatchObject({ entry: id, code, attempts: 1 });
    const { unreadable, wrongContract, tooLarge } = subscription.stats.rejected;
    expect(unreadable + wrongContract + tooLarge).toBe(1);
    await until(async () => (await leftIn(admin, channel, 'app')) === 0);
    expect(subscription.stats.durable?.lost).toBe(0);
    expect(reading.stats.durable?.lost).toBe(0);
  });

  it('keeps what is binary as it was', async () => {
    const garbage = Buffer.from([0, 255, 254, 1, 10, 13, 0, 128]);
    await append('e', garbage);
    await until(async () => (await dead()).length === 1);
    const [[, fields] = [undefined, []]] = await admin.xrangeBuffer(`belfry:{${channel}}:dead:app`, '-', '+');
    const at = fields.findIndex((field) => field.toString() === 'e');
    expect(fields[at + 1]).toEqual(garbage);
  });

  it.each(['abc', 'nan', 'inf', '1e9', '1000000000', '-5', '0x10', '1.5', '1', ''])(
    'handles an event that calls itself number %j, and believes no loss',
    async (n) => {
      await bus.publish(OrderPaid, { n: 1 });
      await append('e', await bodyOf(), 'n', n);
      await append('e', await bodyOf());
      for (const each of range(5, 2)) await bus.publish(OrderPaid, { n: each });
      const all = [0, 1, 0, 0, ...range(5, 2)];
      await until(() => handled.length === all.length && read.length === all.length);
      expect(handled).toEqual(all);
      expect(read).toEqual(all);
      expect(subscription.stats.durable?.lost).toBe(0);
      expect(reading.stats.durable?.lost).toBe(0);
      await until(async () => (await leftIn(admin, channel, 'app')) === 0);
      expect(await bus.inspect(OrderPaid).groups()).toMatchObject([{ group: 'app', lag: 0, pending: 0, lost: 0 }]);
    },
  );

  it('leaves alone what is for another group', async () => {
    await append('e', await bodyOf(), 'g', 'audit');
    await append('e', await bodyOf(), 'g', 'app');
    await bus.publish(OrderPaid, { n: 1 });
    await until(() => handled.length === 3 && read.length === 2);
    expect(handled).toEqual([0, 0, 1]);
    expect(read).toEqual([0, 1]); // what is for a group is for no broadcast
    await until(async () => (await leftIn(admin, channel, 'app')) === 0);
  });

  it('counts garbage at its doorbell, and hears the next ring', async () => {
    await areWaiting(admin, channel, 'app', 1);
    const inbox = inboxChannel(channel, 'app', bus.instance);
    const garbage = ['', '\x1e', '\x1e\x1e!\n', '!!', '{}', Buffer.from([0, 255]), await bodyOf()];
    for (const each of garbage) await admin.call('SPUBLISH', inbox, each);
    await until(() => subscription.stats.rejected.wrongContract >= 4);
    await admin.publish(`belfry:{${channel}}:all`, Buffer.from([30, 0, 255]));
    await bus.publish(OrderPaid, { n: 1 });
    await until(() => handled.length === 2 && read.length === 2);
    expect(handled).toEqual([0, 1]);
    expect(logger.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });
});

describe('two namespaces on one Redis', () => {
  it('never meet, whatever their groups, keys and ids are called', async () => {
    const [shop, other] = [uniqueNamespace(), uniqueNamespace()];
    const handled: [where: string, n: number][] = [];
    const buses = [];
    for (const namespace of [shop, other, `${shop}:orders.paid`]) {
      const bus = startBus('app', { url: sharedUrl }, { namespace });
      await bus.subscribe(OrderPaid, ({ n }) => void handled.push([namespace, n]), { once: '1m' });
      buses.push(bus);
    }
    for (const [i, bus] of buses.entries())
      expect(await bus.publish(OrderPaid, { n: i }, { id: 'the-same', key: 'k' })).not.toHaveProperty('duplicate');
    await until(() => handled.length === 3);
    expect(handled.sort(([, a], [, b]) => a - b)).toEqual([
      [shop, 0],
      [other, 1],
      [`${shop}:orders.paid`, 2],
    ]);
    for (const bus of buses) {
      await until(async () => (await bus.inspect(OrderPaid).groups())[0]?.pending === 0);
      expect(await bus.inspect(OrderPaid).groups()).toMatchObject([{ group: 'app', members: 1, lag: 0 }]);
    }
  });
});
