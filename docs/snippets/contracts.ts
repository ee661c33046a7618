import { defineChannel, defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

// #region contracts
export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), customerId: z.string(), total: z.number() }),
  key: (order) => order.customerId, // one customer's orders: one instance, one at a time
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const OrderPlacedV2 = defineEvent('orders.placed', {
  version: 2, // another channel: publishers and handlers of both run side by side
  schema: z.object({ orderId: z.string(), placedAt: z.iso.datetime().transform((text) => new Date(text)) }),
});

// A bare Redis channel, shared with programs that know nothing of Belfry.
export const Announcements = defineChannel('announcements');
// #endregion contracts
