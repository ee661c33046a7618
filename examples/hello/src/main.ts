import { createService, defineEvent, type EventData, inject, Publisher, Subscribe } from 'belfry';
import { z } from 'zod';

// A contract says what happened, once, for everybody who publishes or handles it.
const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string(), cents: z.int() }) });
type OrderPlaced = EventData<typeof OrderPlaced>;

const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string() }) });
type PaymentTaken = EventData<typeof PaymentTaken>;

class Shop {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  async sell(order: string, cents: number) {
    console.log(`shop: sells ${order}`);
    await this.publisher.publish(OrderPlaced, { order, cents });
  }

  @Subscribe(PaymentTaken)
  ship({ order }: PaymentTaken) {
    console.log(`shop: ships ${order}`);
  }
}

class Billing {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(OrderPlaced)
  async charge({ order, cents }: OrderPlaced) {
    console.log(`billing: takes ${cents} cents for ${order}`);
    await this.publisher.publish(PaymentTaken, { order });
  }
}

// Two services in this process: over `memory:`, or over the Redis that BELFRY_URL names.
const shop = createService({ name: 'shop', handlers: [Shop] });
const billing = createService({ name: 'billing', handlers: [Billing] });
await Promise.all([shop.start(), billing.start()]);

await shop.container.get(Shop).sell('a bell', 1250);

await billing.stop(); // finishes what has arrived, and so publishes the payment
await shop.stop();
