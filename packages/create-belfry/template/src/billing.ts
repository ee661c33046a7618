import { inject, Logger, Publisher, Respond, Subscribe } from 'belfry';
import { OrderPlaced, PaymentTaken, QuotePrice } from './contracts.js';

const prices = new Map([
  ['bell', 1250],
  ['rope', 480],
]);

export class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Respond(QuotePrice)
  quote({ sku, pieces }: QuotePrice) {
    const cents = prices.get(sku);
    if (cents === undefined) throw QuotePrice.error('UNKNOWN_SKU', { sku });
    return { cents: cents * pieces };
  }

  @Subscribe(OrderPlaced, { retry: { attempts: 5 } })
  async charge({ order, cents }: OrderPlaced) {
    this.logger.info({ order, cents }, 'charged');
    await this.publisher.publish(PaymentTaken, { order, cents });
  }
}
