import { type EventData, inject, Publisher, Requester, Subscribe } from 'belfry';
import { OrderPlaced, PaymentTaken, QuotePrice } from './contracts.js';
import { NestOrders, NestPayments, NestQuoteReplies, NestQuotes } from './nest-channels.js';

// #region bridge
export class Bridge {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
  ) {}

  // A Nest service emits: Belfry's services handle it. The id makes a second bridge harmless.
  @Subscribe(NestOrders)
  async fromNest({ data }: EventData<typeof NestOrders>) {
    await this.publisher.publish(OrderPlaced, data, { id: data.orderId });
  }

  // A Belfry service publishes: Nest's services handle it.
  @Subscribe(PaymentTaken)
  async toNest(data: PaymentTaken) {
    await this.publisher.publish(NestPayments, { pattern: 'payments.taken', data });
  }

  // A Nest service asks: a Belfry service answers.
  @Subscribe(NestQuotes)
  async askedByNest({ id, data }: EventData<typeof NestQuotes>) {
    await this.publisher.publish(NestQuoteReplies, { id, ...(await this.#answer(data)), isDisposed: true });
  }

  async #answer(input: { sku: string }) {
    try {
      return { response: await this.requester.request(QuotePrice, input) };
    } catch (error) {
      const message = QuotePrice.isError(error) ? error.code : 'Internal server error';
      return { err: { status: 'error', message } };
    }
  }
}
// #endregion
