import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { areWaiting, newGate, OrderPaid, startProxyTo, until } from './durable-world.js';
import { range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

/** A worker looks by itself every five seconds: what is handled much sooner, a doorbell has brought. */
const SOON = 2000;
const SLOW = -1;

describe('the doorbell', () => {
  let namespace: string;
  let publisher: Bus;
  let handled: [by: string, n: number][];
  let gate: ReturnType<typeof newGate>;
  beforeEach(() => {
    namespace = uniqueNamespace();
    publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    handled = [];
    gate = newGate();
  });

  /** A member of the group with one pair of hands. `SLOW` keeps it busy until the gate opens. */
  const join = async (by: string, url = sharedUrl, claimTimeout = 30_000): Promise<Bus> => {
    const bus = startBus('app', { url }, { namespace });
    const take = async ({ n }: { n: number }) => {
      handled.push([by, n]);
      if (n === SLOW) await gate.opened;
    };
    await bus.subscribe(OrderPaid, take, { concurrency: 1, claimTimeout });
    return bus;
  };
  const areIdle = (count: number) => areWaiting(admin, `${namespace}:orders.paid`, 'app', count);
  /** Publishes numbers one by one, each when the one before has been handled. Returns who handled them. */
  const handledOneByOne = async (count: number, within = SOON): Promise<string[]> => {
    const before = handled.length;
    for (const n of range(count)) {
      const began = performance.now();
      await publisher.publish(OrderPaid, { n });
      await until(() => handled.length === before + n + 1);
      expect(performance.now() - began).toBeLessThan(within);
    }
    return handled.slice(before).map(([by]) => by);
  };

  it('wakes the idle members of a group by turns', async () => {
    await Promise.all([join('a'), join('b')]);
    await areIdle(2);
    const by = await handledOneByOne(20);
    expect(new Set(by)).toEqual(new Set(['a', 'b']));
  });

  it('wakes a member that is idle while another one is busy', async () => {
    await Promise.all([join('a'), join('b')]);
    await areIdle(2);
    await publisher.publish(OrderPaid, { n: SLOW });
    await until(() => handled.length === 1);
    const [[busy] = []] = handled;
    const by = await handledOneByOne(20);
    expect(by).not.toContain(busy);
    gate.open();
  });

  it('lets nothing wait for a busy member that had been quick before, while another one is idle', async () => {
    await Promise.all([join('a'), join('b')]);
    await areIdle(2);
    await Promise.all(range(200).map((n) => publisher.publish(OrderPaid, { n })));
    await until(() => handled.length === 200);
    await areIdle(2);
    await publisher.publish(OrderPaid, { n: SLOW });
    await until(() => handled.length === 201);
    await handledOneByOne(20);
    gate.open();
  });

  it('passes over a member that is dead', async () => {
    const proxy = await startProxyTo(sharedUrl);
    await join('a', proxy.url);
    await areIdle(1);
    await join('b');
    await areIdle(2); // the first bell is for a
    await proxy.refuse();
    expect(await handledOneByOne(5)).toEqual(range(5).map(() => 'b'));
    await proxy.accept(); // else its end takes a while
  });

  it('is made up for by the poll where it rang at a half-open connection', async () => {
    const proxy = await startProxyTo(sharedUrl);
    await join('a', proxy.url, 3000);
    await areIdle(1);
    await join('b', sharedUrl, 3000);
    await areIdle(2);
    proxy.swallow();
    expect(await handledOneByOne(1, 2000)).toEqual(['b']); // a third of the claim timeout, which is shorter than five seconds
    proxy.swallow(false);
    proxy.cut(); // else its end takes a while
  });

  it('is passed on by a member that leaves as it rings', async () => {
    await join('stays');
    for (const round of range(5)) {
      const leaver = await join('leaver');
      await areIdle(2);
      const published = Promise.all(range(2).map((n) => publisher.publish(OrderPaid, { n })));
      await sleep(round);
      await Promise.all([published, leaver.close()]);
      await until(() => handled.length === 2 * (round + 1), SOON);
      await areIdle(1);
    }
  });

  it('need not ring where the last of a busy group takes what waits as soon as it is free', async () => {
    await join('a');
    await areIdle(1);
    await publisher.publish(OrderPaid, { n: SLOW });
    await until(() => handled.length === 1);
    await Promise.all(range(10).map((n) => publisher.publish(OrderPaid, { n })));
    gate.open();
    await until(() => handled.length === 11, SOON);
    expect(handled.map(([, n]) => n)).toEqual([SLOW, ...range(10)]);
  });

  it('wakes others for what one member cannot take', async () => {
    await Promise.all(['a', 'b', 'c'].map((by) => join(by)));
    await areIdle(3);
    await Promise.all([SLOW, SLOW, SLOW].map((n) => publisher.publish(OrderPaid, { n })));
    await until(() => handled.length === 3, SOON);
    expect(handled.map(([by]) => by).sort()).toEqual(['a', 'b', 'c']);
    gate.open();
  });
});
