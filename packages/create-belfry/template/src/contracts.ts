// What the services say to one another, written down once.
import { defineChannel, defineEvent, defineRequest, type EventData, type RequestInput } from 'belfry';
import { z } from 'zod';

/** A bare Redis channel: any program may order, with redis-cli too. Every instance hears it, so run the shop once. */
export const Orders = defineChannel('orders', { schema: z.object({ sku: z.string(), pieces: z.int().positive() }) });

export const QuotePrice = defineRequest('billing.quote', {
  input: z.object({ sku: z.string(), pieces: z.int().positive() }),
  output: z.object({ cents: z.int() }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }) },
});
export type QuotePrice = RequestInput<typeof QuotePrice>;

export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ order: z.string(), sku: z.string(), cents: z.int() }),
  guarantee: 'durable', // it is in a log before publish() resolves, and handled until that succeeds
  key: ({ order }) => order,
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string(), cents: z.int() }) });
export type PaymentTaken = EventData<typeof PaymentTaken>;
