import { defineEvent, defineRequest } from '@belfry/contracts';
import { expect } from 'vitest';
import { z } from 'zod';
import type { Harness } from '../harness/harness.js';
import './index.js';

const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ order: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
});
const Quote = defineRequest('pricing.quote', { input: z.object({ sku: z.string() }), output: z.int() });

export async function matchers(harness: Harness): Promise<void> {
  await expect(harness).toHavePublished(OrderPlaced, { order: 'o-1', at: '2026-01-01T00:00:00Z' });
  await expect(harness).toHavePublished(OrderPlaced, { order: expect.any(String) });
  await expect(harness).toHaveHandled(OrderPlaced, { at: new Date() });
  await expect(harness).toHaveHandled(OrderPlaced, ({ at }) => at.getTime() > 0, { within: '5m' });
  await expect(harness).toHaveAsked(Quote, { sku: 'bell' });
  // @ts-expect-error - no such field
  await expect(harness).toHavePublished(OrderPlaced, { orders: 'o-1' });
  // @ts-expect-error - it is a text
  await expect(harness).toHavePublished(OrderPlaced, { order: 1 });
  // @ts-expect-error - what is published is a text, and only handlers get a Date
  await expect(harness).toHavePublished(OrderPlaced, { at: new Date() });
  // @ts-expect-error - a request is asked, not published
  await expect(harness).toHavePublished(Quote);
  // @ts-expect-error - it has other fields
  await harness.published(OrderPlaced, { sku: 'bell' });
  const { data } = await harness.handled(OrderPlaced);
  data.at.getTime();
  // @ts-expect-error - no such field
  data.orders;
}
