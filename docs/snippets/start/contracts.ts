import { defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ order: z.string(), cents: z.int() }),
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const PaymentTaken = defineEvent('payments.taken', {
  schema: z.object({ order: z.string() }),
});
export type PaymentTaken = EventData<typeof PaymentTaken>;
