import { inject, type MessageContext, Publisher, Subscribe } from 'belfry';
import { MyChannel, OrderPlaced, OrderShipped } from './contracts.js';

// #region service
export class Shop {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(MyChannel)
  async hear(text: string) {
    console.log(`mychannel: ${text}`);
    const [, customerId, orderId] = /^(\w+) orders (\S+)$/.exec(text) ?? [];
    if (customerId && orderId) await this.publisher.publish(OrderPlaced, { orderId, customerId });
  }

  @Subscribe(OrderPlaced)
  async confirm({ orderId, customerId }: OrderPlaced) {
    console.log(`orders.placed: ${orderId} of ${customerId}`);
    await this.publisher.publish(MyChannel, `Thank you, ${customerId}! We have your order ${orderId}.`);
  }
}
// #endregion

// #region durable
export class Letters {
  @Subscribe(OrderShipped)
  write({ orderId, customerId }: OrderShipped, { messageId }: MessageContext) {
    console.log(`orders.shipped: ${orderId} to ${customerId}, as ${messageId} says`);
  }
}
// #endregion
