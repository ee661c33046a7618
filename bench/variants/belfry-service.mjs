// Belfry as a service runs it: decorated handlers, a container, a logger, signals. Decorators are called as functions: this is plain JavaScript.
import { defineEvent, runService, Subscribe } from 'belfry';
import { z } from 'zod';

const schema = z.object({ orderId: z.string(), customerId: z.string(), total: z.number(), note: z.string() });
const OrderPlaced = defineEvent('orders.placed', { schema });

export async function subscriber({ url }, take) {
  class Billing {
    charge(order) {
      take(order);
    }
  }
  Subscribe(OrderPlaced)(Billing.prototype, 'charge', Object.getOwnPropertyDescriptor(Billing.prototype, 'charge'));
  const service = await runService({ name: 'billing', handlers: [Billing], url });
  return { close: () => service.stop() };
}
