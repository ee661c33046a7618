import { inject, Publisher, runService, Subscribe } from 'belfry';
import { OrderPlaced, PaymentTaken } from './contracts.js';

class Billing {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(OrderPlaced)
  async charge({ order, cents }: OrderPlaced) {
    console.log(`billing: takes ${cents} cents for ${order}`);
    await this.publisher.publish(PaymentTaken, { order });
  }
}

await runService({ name: 'billing', handlers: [Billing] });
