import { defineEvent } from '@belfry/contracts';
import type { Bus, Subscription } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { logKey } from '../src/names.js';
import { leftIn, newGate, until } from './durable-world.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

const StockMoved = defineEvent('stock.moved', {
  schema: z.object({ n: z.number(), key: z.string() }),
  guarantee: 'durable',
  key: ({ key }) => key,
});

describe('what somebody else deletes', () => {
  let channel: string;
  let bus: Bus;
  let logger: ReturnType<typeof collectingLogger>;
  let subscription: Subscription;
  let handled: string[];
  let gate: ReturnType<typeof newGate>;
  beforeEach(async () => {
    const namespace = uniqueNamespace();
    channel = `${namespace}:stock.moved`;
    logger = collectingLogger();
    bus = startBus('app', { url: sharedUrl }, { namespace, logger });
    handled = [];
    gate = newGate();
  });

  /** 0 of each key waits for the gate; what has the key `fails` fails at first, and waits for 300 ms. */
  const join = async (concurrency: number) => {
    subscription = await bus.subscribe(
      StockMoved,
      async ({ n, key }, { attempt }) => {
        if (n === 0) await gate.opened;
        if (key === 'fails' && attempt === 1) throw new Error('It fails at first.');
        handled.push(`${key}${n}`);
      },
      { concurrency, claimTimeout: 900, retry: { backoff: { type: 'fixed', delay: 300, jitter: 0 } } },
    );
  };
  const publish = (key: string, ...numbers: number[]) =>
    Promise.all(numbers.map((n) => bus.publish(StockMoved, { n, key })));
  const entryOf = async (key: string, n: number) => {
    const entries = await admin.xrange(logKey(channel), '-', '+');
    return entries.find(([, [, body = '']]) => body.includes(`"n":${n},"key":"${key}"`))?.[0] as string;
  };
  const nothingIsLeft = () => until(async () => (await leftIn(admin, channel, 'app')) === 0);
  const lost = () => subscription.stats.durable?.lost;

  it('of what nobody has read is counted as lost, and said', async () => {
    await join(1);
    await publish('a', 0);
    await until(() => subscription.stats.inFlight === 1);
    const receipts = await publish('b', ...range(8, 1));
    await admin.xdel(logKey(channel), receipts[3]?.entry as string, receipts[4]?.entry as string);
    gate.open();
    await until(() => handled.length === 7);
    expect(handled).toEqual(['a0', 'b1', 'b2', 'b3', 'b6', 'b7', 'b8']);
    expect(lost()).toBe(2);
    expect(logger.lines.some((line) => line.startsWith('error: Events were gone from the log'))).toBe(true);
    await nothingIsLeft();
  });

  it('to the last entry is counted when the next one comes', async () => {
    await join(1);
    await publish('a', 0);
    await until(() => subscription.stats.inFlight === 1);
    await publish('b', ...range(8, 1));
    await admin.xtrim(logKey(channel), 'MAXLEN', 0);
    gate.open();
    await until(() => handled.length === 1);
    await publish('b', 9);
    await until(() => handled.length === 2);
    expect(handled).toEqual(['a0', 'b9']);
    expect(lost()).toBe(8);
    await nothingIsLeft();
  });

  it('of what waits for another attempt, or behind its key, is counted, and the key goes on', async () => {
    await join(8);
    await publish('a', ...range(4));
    await publish('fails', 1, 2);
    await until(async () => (await admin.llen(`belfry:{${channel}}:lane:app:a`)) === 3);
    await until(() => subscription.stats.failed === 1);
    await admin.xdel(logKey(channel), await entryOf('a', 1), await entryOf('a', 2), await entryOf('fails', 1));
    gate.open();
    await until(() => handled.length === 3);
    expect(handled.sort()).toEqual(['a0', 'a3', 'fails2']);
    await until(() => lost() === 3);
    await nothingIsLeft();
  });

  it('of what is being handled is of no consequence', async () => {
    await join(8);
    await publish('a', 0, 1);
    await until(() => subscription.stats.inFlight === 1);
    await admin.xdel(logKey(channel), await entryOf('a', 0));
    gate.open();
    await until(() => handled.length === 2);
    expect(handled).toEqual(['a0', 'a1']);
    await nothingIsLeft();
    expect(lost()).toBe(0);
  });

  it('with the group: it is made again, and what is retained is handled again', async () => {
    await join(8);
    await publish('b', ...range(5, 1));
    await until(() => handled.length === 5);
    await nothingIsLeft();
    await admin.xgroup('DESTROY', logKey(channel), 'app');
    await publish('b', ...range(5, 6));
    await until(() => handled.includes('b10'));
    await nothingIsLeft();
    expect(handled.slice(5)).toEqual(range(10, 1).map((n) => `b${n}`));
  });

  it('with the whole log: it is begun again', async () => {
    await join(8);
    await publish('b', ...range(5, 1));
    await publish('a', 0, 1);
    await until(() => handled.length === 5 && subscription.stats.inFlight === 1);
    await admin.del(logKey(channel));
    await publish('b', ...range(5, 6));
    await until(() => handled.length === 10);
    gate.open();
    await until(() => handled.length === 11);
    await nothingIsLeft();
    expect(lost()).toBe(1); // a1
    expect(handled).not.toContain('a1');
  });

  it.each(['busy', 'seen', 'state'])('by way of the hash %s of the group holds nothing up', async (hash) => {
    await join(8);
    await publish('a', 0, 1, 2);
    await publish('fails', 1, 2);
    await publish('b', 1);
    await until(async () => (await admin.llen(`belfry:{${channel}}:lane:app:a`)) === 2);
    await until(() => subscription.stats.failed === 1 && handled.length === 1);
    await until(async () => (await admin.hlen(`belfry:{${channel}}:work:app`)) === 1);
    expect(await admin.del(`belfry:{${channel}}:${hash}:app`)).toBe(1);
    const deletedAt = Number((await admin.time())[0]) * 1000 + 1000;
    await until(async () => Number(await admin.hget(`belfry:{${channel}}:state:app`, 'at')) > deletedAt); // it has looked
    gate.open();
    await Promise.all([publish('a', 3), publish('b', 2), publish('fails', 3)]);
    const all = ['a0', 'a1', 'a2', 'a3', 'b1', 'b2', 'fails1', 'fails2', 'fails3'];
    await until(() => all.every((each) => handled.includes(each)));
  });
});
