import { inject, Publisher, type RequestInput, Respond, Subscribe } from 'belfry';
import { OrderPlaced, PaymentTaken, QuotePrice } from './contracts.js';

// #region billing
export class Billing {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(OrderPlaced)
  async charge({ orderId, cents }: OrderPlaced) {
    console.log(`belfry billing: takes ${cents} cents for ${orderId}`);
    await this.publisher.publish(PaymentTaken, { orderId });
  }

  @Respond(QuotePrice)
  quote({ sku }: RequestInput<typeof QuotePrice>) {
    if (sku !== 'bell') throw QuotePrice.error('UNKNOWN_SKU');
    return { cents: 1250 };
  }
}
// #endregion
