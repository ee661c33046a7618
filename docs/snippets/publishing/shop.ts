import { BelfryError, inject, Logger, Publisher, runInContext } from 'belfry';
import { Announcements, InvoiceDue, OrderPlaced } from './messages.js';

// #region publish
export class Shop {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  async place(order: OrderPlaced) {
    const { broadcast, groups } = await this.publisher.publish(OrderPlaced, order);
    // { broadcast: 1, groups: { billing: 1, audit: 0 } }
    if (groups.billing !== 1) this.logger.warn({ order: order.orderId, broadcast }, 'nobody bills this order');
  }
}
// #endregion

// #region batch
export async function placeAll(publisher: Publisher, orders: readonly OrderPlaced[]) {
  // One command to Redis for all of them, in this order. One that does not fit refuses no other.
  const outcomes = await Promise.allSettled(orders.map((order) => publisher.publish(OrderPlaced, order)));
  return orders.filter((_, index) => outcomes[index]?.status === 'rejected');
}
// #endregion

// #region errors
export type Outcome = 'published' | 'perhaps' | 'not now' | 'never';

export async function tryToPlace(publisher: Publisher, order: OrderPlaced): Promise<Outcome> {
  try {
    await publisher.publish(OrderPlaced, order);
    return 'published';
  } catch (error) {
    if (!BelfryError.is(error)) throw error;
    switch (error.code) {
      case 'PUBLISH_UNCONFIRMED':
        return 'perhaps'; // again only if twice does no harm
      case 'TRANSPORT_UNAVAILABLE':
        return 'not now'; // Redis was away for 5 s
      default:
        return 'never'; // PAYLOAD_INVALID and others: the same publish would end in the same way
    }
  }
}
// #endregion

// #region later
export async function bill(publisher: Publisher, orderId: string) {
  const { due } = await publisher.publish(InvoiceDue, { orderId }, { id: `invoice-${orderId}`, delay: '14d' });
  const { duplicate } = await publisher.publish(InvoiceDue, { orderId }, { id: `invoice-${orderId}`, delay: '14d' });
  return { due, duplicate }; // duplicate: true, because the id was there already
}
// #endregion

// #region context
/** At the edge, where no message is being handled: what is published within belongs to this flow. */
export function handleHttp(publisher: Publisher, headers: Record<string, string>, order: OrderPlaced) {
  const correlationId = headers['x-request-id'] ?? crypto.randomUUID();
  return runInContext({ correlationId, traceparent: headers.traceparent }, async () => {
    await publisher.publish(OrderPlaced, order, { extensions: { channel: 'web' } });
  });
}
// #endregion

// #region bare
export const announce = (publisher: Publisher, text: string) => publisher.publish(Announcements, text);
// #endregion
