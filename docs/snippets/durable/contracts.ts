import { defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

// #region order
export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), customerId: z.string(), cents: z.int() }),
  guarantee: 'durable', // the only word that changes
  key: (order) => order.customerId, // one customer's orders: one at a time, in their order
});
export type OrderPlaced = EventData<typeof OrderPlaced>;
// #endregion order

// #region retain
export const PaymentDue = defineEvent('payments.due', {
  schema: z.object({ orderId: z.string() }),
  guarantee: 'durable',
  retain: { age: '7d', count: 100_000 }, // of what every group has acknowledged
  duplicateWindow: '1d',
});
// #endregion retain
