import { createService, defineEvent, type EventData, Subscribe } from 'belfry';
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { z } from 'zod';

export const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string(), cents: z.int() }) });
type OrderPlaced = EventData<typeof OrderPlaced>;

// #region own
const registry = new Registry();
collectDefaultMetrics({ register: registry }); // of the process: memory, CPU, event loop
const charged = new Counter({ name: 'billing_cents_total', help: 'Cents charged', registers: [registry] });

export class Billing {
  @Subscribe(OrderPlaced)
  charge({ cents }: OrderPlaced) {
    charged.inc(cents);
  }
}

export const createBilling = (url: string, namespace: string) =>
  createService({
    name: 'billing',
    handlers: [Billing],
    url,
    namespace,
    health: { port: 0, metrics: () => registry.metrics() }, // 0: any port that is free
  });
// #endregion own
