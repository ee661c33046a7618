import { inject, Publisher, type ServiceOptions, Subscribe } from 'belfry';
import { type OrderPlaced as Order, OrderPlaced, PaymentTaken } from './contracts.js';

class Billing {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(OrderPlaced)
  async charge({ orderId }: Order) {
    await this.publisher.publish(PaymentTaken, { orderId });
  }
}

// #region billing
export const billing = {
  name: 'billing',
  namespace: 'shop',
  handlers: [Billing],
  emits: [PaymentTaken], // what it publishes and asks: the handlers say only what they handle
} satisfies ServiceOptions;
// #endregion billing
