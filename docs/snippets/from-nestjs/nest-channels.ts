import { defineChannel } from 'belfry';
import { z } from 'zod';

// #region channels
// What Nest's Redis transport says on its channels, whose names are its patterns.
export const NestOrders = defineChannel('orders.placed', {
  schema: z.object({ pattern: z.string(), data: z.object({ orderId: z.string(), cents: z.int() }) }),
});

export const NestPayments = defineChannel('payments.taken', {
  schema: z.object({ pattern: z.string(), data: z.object({ orderId: z.string() }) }),
});

export const NestQuotes = defineChannel('pricing.quote', {
  schema: z.object({ pattern: z.string(), id: z.string(), data: z.object({ sku: z.string() }) }),
});

export const NestQuoteReplies = defineChannel('pricing.quote.reply', {
  schema: z.object({
    id: z.string(),
    response: z.object({ cents: z.int() }).optional(),
    err: z.object({ status: z.string(), message: z.string() }).optional(),
    isDisposed: z.boolean().optional(),
  }),
});
// #endregion
