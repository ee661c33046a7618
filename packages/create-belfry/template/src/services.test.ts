import { startHarness } from '@belfry/testing';
import '@belfry/testing/vitest';
import { expect, it } from 'vitest';
import { Billing } from './billing.js';
import { OrderPlaced, Orders, PaymentTaken, QuotePrice } from './contracts.js';
import { services } from './services.js';

it('an order is priced, placed, charged and shipped', async () => {
  await using harness = await startHarness({ services: [...services.values()] });
  await harness.publish(Orders, { sku: 'bell', pieces: 2 });
  const { data } = await harness.published(OrderPlaced, { sku: 'bell' }); // waits for it
  expect(data.cents).toBe(2500);
  await expect(harness).toHaveHandled(PaymentTaken, { order: data.order });
});

it('what is not for sale is not ordered', async () => {
  await using harness = await startHarness({ services: [...services.values()] });
  await harness.publish(Orders, { sku: 'moon', pieces: 1 });
  await expect(harness).toHaveAsked(QuotePrice, { sku: 'moon' });
  await expect(harness).not.toHavePublished(OrderPlaced);
});

it('billing charges what was ordered', async () => {
  await using harness = await startHarness({ name: 'billing', handlers: [Billing] });
  await harness.publish(OrderPlaced, { order: 'o-1', sku: 'bell', cents: 1250 });
  await expect(harness).toHavePublished(PaymentTaken, { order: 'o-1', cents: 1250 });
});
