import { defineChannel, defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), customerId: z.string() }),
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const InvoiceDue = defineEvent('invoices.due', {
  schema: z.object({ orderId: z.string() }),
  guarantee: 'durable',
});

export const Announcements = defineChannel('announcements');
