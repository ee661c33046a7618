import {
  ContainerModule,
  inject,
  injectable,
  postConstruct,
  preDestroy,
  Publisher,
  type RequestInput,
  Respond,
  Subscribe,
} from 'belfry';
import { OrderPlaced, PaymentTaken, PriceChanged, QuotePrice } from './contracts.js';

// #region cards
@injectable()
export class Cards {
  async take(orderId: string, cents: number) {
    console.log(`belfry billing: takes ${cents} cents for ${orderId}`);
  }
}

export const cards = new ContainerModule(({ bind }) => {
  bind(Cards).toSelf().inSingletonScope();
});
// #endregion

// #region billing
export class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Cards) private readonly cards: Cards,
  ) {}

  @Subscribe(OrderPlaced)
  async charge({ orderId, cents }: OrderPlaced) {
    await this.cards.take(orderId, cents);
    await this.publisher.publish(PaymentTaken, { orderId });
  }

  // Who hears it is said here, not where it is published.
  @Subscribe(PriceChanged, { broadcast: true })
  remember({ sku, cents }: PriceChanged) {
    console.log(`belfry billing: ${sku} costs ${cents}`);
  }

  @Respond(QuotePrice)
  quote({ sku }: RequestInput<typeof QuotePrice>) {
    if (sku !== 'bell') throw QuotePrice.error('UNKNOWN_SKU');
    return { cents: 1250 };
  }

  @postConstruct()
  begin() {
    console.log('belfry billing: begins');
  }

  @preDestroy()
  end() {
    console.log('belfry billing: ends');
  }
}
// #endregion
