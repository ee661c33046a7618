import { defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), cents: z.int().positive() }),
  guarantee: 'durable',
});
export type OrderPlaced = EventData<typeof OrderPlaced>;
