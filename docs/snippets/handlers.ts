import { inject, Logger, type MessageContext, Publisher, Subscribe } from 'belfry';
import { Announcements, OrderPlaced, OrderPlacedV2 } from './contracts.js';

// #region handlers
export class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Subscribe(OrderPlaced, { concurrency: 8 })
  async charge(order: OrderPlaced, context: MessageContext) {
    this.logger.info({ order: order.orderId, from: context.source }, 'charging');
    await this.publisher.publish(Announcements, `order ${order.orderId} is being charged`);
  }

  // Several contracts give a union, discriminated by the context's `type` and `version`.
  @Subscribe([OrderPlaced, OrderPlacedV2], { group: 'billing.audit' })
  audit({ orderId }: { orderId: string }, context: MessageContext) {
    this.logger.info({ orderId }, `${context.type}, version ${context.version}`);
  }

  // Every instance gets it: patterns and bare channels have no group. `*` is one segment, `**` one or more.
  @Subscribe('orders.**')
  watch(data: unknown, { type }: MessageContext) {
    this.logger.debug({ type, fields: Object.keys(data as object) }, 'an event went by');
  }
}
// #endregion handlers
