import { setTimeout as sleep } from 'node:timers/promises';
import { defineEvent } from '@belfry/contracts';
import type { MessageContext } from '@belfry/core';
import { uniqueNamespace } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { workScript } from '../src/scripts.js';
import { areWaiting, leftIn, OrderPaid, startProxyTo, until } from './durable-world.js';
import { collectingLogger, range, sharedUrl, startBus } from './world.js';

const admin = new Redis(sharedUrl);
afterAll(() => admin.disconnect());

describe('a worker whose connection breaks', () => {
  it('needs two connections, however many logs it reads', async () => {
    const bus = startBus('app', { url: sharedUrl }, { namespace: uniqueNamespace() });
    const contracts = range(30).map((n) =>
      defineEvent(`orders.number-${n}`, { schema: z.object({ n: z.number() }), guarantee: 'durable' }),
    );
    const handled: number[] = [];
    for (const contract of contracts) await bus.subscribe(contract, ({ n }) => void handled.push(n));
    await Promise.all(contracts.map((contract, n) => bus.publish(contract, { n })));
    await until(() => handled.length === contracts.length);
    const clients = String(await admin.client('LIST')).split('\n');
    expect(clients.filter((line) => line.includes(bus.instance))).toHaveLength(2);
  });

  it('handles at once what it was given by an answer that was lost, and no attempt is counted for that', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    const bus = startBus('app', { url: proxy.url }, { namespace });
    const handled: [n: number, attempt: number][] = [];
    const subscription = await bus.subscribe(OrderPaid, ({ n }, { attempt }) => void handled.push([n, attempt]));
    for (const n of range(5)) {
      await areWaiting(admin, `${namespace}:orders.paid`, 'app', 1);
      const lost = proxy.cutAfterRequest(workScript.sha, { name: /app.*commands/ });
      const began = performance.now();
      await publisher.publish(OrderPaid, { n });
      await lost;
      await until(() => handled.length > n);
      expect(performance.now() - began).toBeLessThan(4000); // a poll would take longer, and a claim half a minute
    }
    expect(handled).toEqual(range(5).map((n) => [n, 1]));
    await until(async () => (await leftIn(admin, `${namespace}:orders.paid`, 'app')) === 0);
    expect(subscription.stats.durable).toMatchObject({ claimsLost: 0, lost: 0, retried: 0 });
  });

  it('handles a flood once, each event in its first attempt, while its connection is cut at random moments', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    const bus = startBus('app', { url: proxy.url }, { namespace });
    const handled: number[] = [];
    const attempts = new Set<number>();
    const take = async ({ n }: { n: number }, { attempt }: MessageContext) => {
      attempts.add(attempt);
      if (n % 10 === 0) await sleep(1);
      handled.push(n);
    };
    const subscription = await bus.subscribe(OrderPaid, take, { concurrency: 4 });
    await Promise.all(range(1000).map((n) => publisher.publish(OrderPaid, { n })));
    let cuts = 0;
    for (let before = -1; handled.length < 1000; cuts++) {
      await until(() => handled.length > before);
      before = handled.length;
      await sleep(Math.random() * 3);
      if (cuts % 2 === 0) proxy.cut({ name: /commands/ });
      else await Promise.race([proxy.cutAfterRequest(workScript.sha).catch(() => {}), sleep(100)]);
    }
    await until(async () => (await leftIn(admin, `${namespace}:orders.paid`, 'app')) === 0);
    expect(cuts).toBeGreaterThan(1);
    expect(handled.sort((a, b) => a - b)).toEqual(range(1000));
    expect(attempts).toEqual(new Set([1]));
    expect(subscription.stats.durable).toMatchObject({ claimsLost: 0, lost: 0, retried: 0 });
  });

  it('commits once although the answer was lost', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    const bus = startBus('app', { url: proxy.url }, { namespace });
    const outcomes: string[] = [];
    await bus.subscribe(OrderPaid, async ({ n }, { commit }) => {
      await commit(['HINCRBY', `${namespace}:counts`, 'paid', n]).then(
        () => outcomes.push('committed'),
        (error: unknown) => outcomes.push(String(error)),
      );
    });
    for (const round of range(3, 1)) {
      const lost = proxy.cutAfterRequest('HINCRBY');
      await publisher.publish(OrderPaid, { n: 1 });
      await lost;
      await until(() => outcomes.length === round);
    }
    expect(outcomes).toEqual(['committed', 'committed', 'committed']);
    expect(await admin.hget(`${namespace}:counts`, 'paid')).toBe('3');
    await until(async () => (await leftIn(admin, `${namespace}:orders.paid`, 'app')) === 0);
  });

  it('gives back at its end what it was given by an answer that was lost', async () => {
    const proxy = await startProxyTo(sharedUrl);
    const namespace = uniqueNamespace();
    const logger = collectingLogger();
    const publisher = startBus('publisher', { url: sharedUrl }, { namespace });
    const leaver = startBus('app', { url: proxy.url }, { namespace, logger });
    const handled: [by: string, n: number, attempt: number][] = [];
    const noteOf = (by: string) => (data: { n: number }, context: MessageContext) =>
      void handled.push([by, data.n, context.attempt]);
    await leaver.subscribe(OrderPaid, noteOf('leaver'));
    await areWaiting(admin, `${namespace}:orders.paid`, 'app', 1);
    const lost = proxy.cutAfterRequest(workScript.sha, { name: /app.*commands/ });
    await publisher.publish(OrderPaid, { n: 1 });
    await lost;
    await until(() => logger.lines.some((line) => line.includes('cannot be read')));
    const began = performance.now();
    const closed = leaver.close({ timeout: '5s' });
    await startBus('app', { url: sharedUrl }, { namespace }).subscribe(OrderPaid, noteOf('heir'));
    await until(() => handled.length === 1);
    expect(performance.now() - began).toBeLessThan(5000);
    expect(handled).toEqual([['heir', 1, 1]]);
    expect((await closed).abandoned).toBe(0);
  });
});
