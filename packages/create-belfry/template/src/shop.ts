import { randomUUID } from 'node:crypto';
import { type EventData, inject, Logger, Publisher, Requester, Subscribe } from 'belfry';
import { OrderPlaced, Orders, PaymentTaken, QuotePrice } from './contracts.js';

export class Shop {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Subscribe(Orders)
  async order({ sku, pieces }: EventData<typeof Orders>) {
    try {
      const { cents } = await this.requester.request(QuotePrice, { sku, pieces });
      const order = randomUUID();
      await this.publisher.publish(OrderPlaced, { order, sku, cents });
      this.logger.info({ order, sku, cents }, 'ordered');
    } catch (error) {
      if (!QuotePrice.isError(error, 'UNKNOWN_SKU')) throw error;
      this.logger.warn({ sku: error.data.sku }, 'not for sale');
    }
  }

  @Subscribe(PaymentTaken)
  ship({ order }: PaymentTaken) {
    this.logger.info({ order }, 'shipped');
  }
}
