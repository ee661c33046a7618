import { defineChannel, defineEvent, type EventData } from 'belfry';
import { z } from 'zod';

// #region contracts
/** A bare Redis channel: its name is taken literally, its payload is text. */
export const MyChannel = defineChannel('mychannel');

export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), customerId: z.string() }),
  key: (order) => order.customerId,
});
export type OrderPlaced = EventData<typeof OrderPlaced>;
// #endregion

// #region durable
export const OrderShipped = defineEvent('orders.shipped', {
  schema: z.object({ orderId: z.string(), customerId: z.string() }),
  guarantee: 'durable',
  key: (order) => order.customerId,
});
export type OrderShipped = EventData<typeof OrderShipped>;
// #endregion
