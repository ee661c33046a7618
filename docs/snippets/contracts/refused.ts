import { defineEvent, type Publisher, Subscribe } from 'belfry';
import { z } from 'zod';
import { OrderPlaced } from './orders.js';

// #region json
// @ts-expect-error - a Date cannot travel as JSON: use an ISO string, for example z.iso.datetime(), or a codec
export const Shipped = defineEvent('orders.shipped', { schema: z.object({ at: z.date() }) });

// @ts-expect-error - unknown cannot be shown to be JSON: describe it, for example with z.json()
export const Noted = defineEvent('orders.noted', { schema: z.object({ note: z.unknown() }) });
// #endregion

// #region use
export class Clerk {
  // @ts-expect-error - orderId is a string
  @Subscribe(OrderPlaced)
  file({ orderId }: { orderId: number }) {
    return orderId;
  }

  async order(publisher: Publisher) {
    // @ts-expect-error - customerId is missing
    await publisher.publish(OrderPlaced, { orderId: 'o-1' });
  }
}
// #endregion
