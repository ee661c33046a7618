import { inject, type MessageContext, Publisher, Subscribe } from 'belfry';
import { OrderPlaced, OrderPlacedV2 } from './orders.js';

// #region publish
export class Shop {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  /** As long as somebody handles the first version, both are published. */
  async place(order: OrderPlacedV2) {
    const { orderId, customer, pieces } = order;
    await Promise.all([
      this.publisher.publish(OrderPlacedV2, order),
      this.publisher.publish(OrderPlaced, { orderId, customerId: customer.id, pieces }),
    ]);
  }
}
// #endregion

// #region handle
export class Statistics {
  readonly seen: string[] = [];

  @Subscribe([OrderPlaced, OrderPlacedV2])
  count({ orderId, pieces }: OrderPlaced | OrderPlacedV2, { version }: MessageContext) {
    this.seen.push(`${orderId}: ${pieces}, by version ${version}`);
  }
}
// #endregion
