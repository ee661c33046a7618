import { defineEvent } from 'belfry';
import { z } from 'zod';

// #region durable
export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ order: z.string(), cents: z.int() }),
  guarantee: 'durable',
});
// #endregion
