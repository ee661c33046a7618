import { fakeResponder, override, startHarness, startProxy, startRedis, workerNamespace } from '@belfry/testing';
import { createBus, defineEvent, silentLogger } from 'belfry';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { bank } from './bank.js';
import { Bank, Billing, OrderPlaced, PaymentTaken, QuotePrice } from './billing.js';

// #region redis
it('takes the money for an order, over Redis', async () => {
  await using harness = await startHarness({
    url: process.env.BELFRY_TEST_REDIS_URL ?? '',
    name: 'billing',
    handlers: [Billing],
    modules: [bank],
    overrides: [override(Bank, { take: async () => {} })],
    responders: [fakeResponder(QuotePrice, () => ({ cents: 1250 }))],
  });
  await harness.publish(OrderPlaced, { order: 'o-1', sku: 'bell' });
  await harness.published(PaymentTaken, { order: 'o-1', cents: 1250 });
});
// #endregion

const Ticked = defineEvent('clock.ticked', { schema: z.object({}) });

// #region servers
it('notices that the network is gone, and that it is back', async () => {
  await using redis = await startRedis(); // the shared one
  await using proxy = await startProxy({ url: redis.url }); // a network of its own, which misbehaves when it is told to
  await using bus = createBus({ url: proxy.url, namespace: workerNamespace(), logger: silentLogger });
  const news: string[] = [];
  bus.on('interrupted', () => news.push('interrupted'));
  bus.on('resumed', () => news.push('resumed'));

  await bus.publish(Ticked, {});
  proxy.cut();
  await expect.poll(() => news).toEqual(['interrupted', 'resumed']);
});
// #endregion
