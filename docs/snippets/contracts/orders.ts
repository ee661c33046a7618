import { defineChannel, defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

// #region event
export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({
    orderId: z.string(),
    customerId: z.string(),
    pieces: z.int().positive().default(1),
  }),
  description: 'A customer has placed an order.', // for people and tools
  examples: [{ orderId: 'o-1', customerId: 'ann' }],
});
export type OrderPlaced = EventData<typeof OrderPlaced>; // { orderId: string; customerId: string; pieces: number }
// #endregion

// #region date
export const OrderShipped = defineEvent('orders.shipped', {
  schema: z.object({
    orderId: z.string(),
    shippedAt: z.iso.datetime().transform((text) => new Date(text)),
  }),
});
export type OrderShipped = EventData<typeof OrderShipped>; // shippedAt is a Date; the publisher gives a string
// #endregion

// #region version
export const OrderPlacedV2 = defineEvent('orders.placed', {
  version: 2,
  schema: z.object({
    orderId: z.string(),
    customer: z.object({ id: z.string(), country: z.string().length(2) }),
    pieces: z.int().positive(),
  }),
});
export type OrderPlacedV2 = EventData<typeof OrderPlacedV2>;
// #endregion

// #region key
export const StockChanged = defineEvent('stock.changed', {
  schema: z.object({ sku: z.string(), left: z.int() }),
  key: (change) => change.sku,
});
// #endregion

// #region guarantee
export const PaymentTaken = defineEvent('payments.taken', {
  schema: z.object({ orderId: z.string(), cents: z.int() }),
  guarantee: 'durable', // in the log before publish() resolves
  retain: { age: '7d' }, // for so long the log keeps what every group has acknowledged
});

export const PriceChanged = defineEvent('prices.changed', {
  schema: z.object({ sku: z.string(), cents: z.int() }),
  recover: { age: '10m', count: 5000 }, // a broadcast subscriber that was away reads what it missed
});
// #endregion

// #region channel
export const Announcements = defineChannel('announcements'); // the payload is text
export const Temperatures = defineChannel('sensors/temperature', {
  schema: z.object({ room: z.string(), celsius: z.number() }), // the payload is JSON
});
// #endregion
