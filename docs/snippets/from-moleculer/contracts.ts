import { defineEvent, defineRequest, type EventData } from 'belfry';
import { z } from 'zod';

// #region contracts
export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), cents: z.int() }),
  guarantee: 'durable', // what @moleculer/channels is for; leave it out for at most once
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ orderId: z.string() }) });
export type PaymentTaken = EventData<typeof PaymentTaken>;

export const PriceChanged = defineEvent('prices.changed', { schema: z.object({ sku: z.string(), cents: z.int() }) });
export type PriceChanged = EventData<typeof PriceChanged>;

export const QuotePrice = defineRequest('billing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.int() }),
  errors: { UNKNOWN_SKU: null },
});
// #endregion
