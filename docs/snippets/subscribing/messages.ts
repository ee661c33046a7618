import { defineEvent, defineChannel, type EventData } from 'belfry';
import { z } from 'zod';

export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), sku: z.string() }),
  guarantee: 'durable',
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const OrderShipped = defineEvent('orders.shipped', {
  schema: z.object({ orderId: z.string(), carrier: z.string() }),
});
export type OrderShipped = EventData<typeof OrderShipped>;

export const PriceChanged = defineEvent('prices.changed', {
  schema: z.object({ sku: z.string(), cents: z.int() }),
});
export type PriceChanged = EventData<typeof PriceChanged>;

export const Announcements = defineChannel('announcements');
