import { defineEvent, defineRequest, type EventData } from 'belfry';
import { z } from 'zod';

// #region contracts
export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), cents: z.int() }),
  guarantee: 'durable', // or leave it out: at most once, as with Nest
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ orderId: z.string() }) });
export type PaymentTaken = EventData<typeof PaymentTaken>;

export const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.int() }),
  errors: { UNKNOWN_SKU: null },
});
// #endregion
