import { inject, Publisher } from 'belfry';
import { OrderPlaced, PaymentDue } from './contracts.js';

// #region publish
export class Till {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  async place(order: OrderPlaced) {
    const receipt = await this.publisher.publish(OrderPlaced, order, { id: order.orderId });
    // { broadcast: 1, groups: { billing: 1, ledger: 0 }, id: 'o-1', entry: '1764100000000-0' }
    return receipt.duplicate ? 'we have it already' : receipt.entry;
  }
}
// #endregion publish

// #region delay
export class Reminders {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  async remind(orderId: string) {
    const { due } = await this.publisher.publish(PaymentDue, { orderId }, { id: orderId, delay: '14d' });
    return due; // about when it will be appended
  }

  /** False: it is not delayed any more. */
  async paid(orderId: string): Promise<boolean> {
    return this.publisher.cancel(PaymentDue, orderId);
  }
}
// #endregion delay
