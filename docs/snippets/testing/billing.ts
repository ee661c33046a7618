import {
  defineEvent,
  defineRequest,
  type EventData,
  inject,
  NonRetryableError,
  Publisher,
  Requester,
  Subscribe,
} from 'belfry';
import { z } from 'zod';

// #region billing
export const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ order: z.string(), sku: z.string() }),
  guarantee: 'durable',
});
export type OrderPlaced = EventData<typeof OrderPlaced>;

export const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string(), cents: z.int() }) });
export type PaymentTaken = EventData<typeof PaymentTaken>;

export const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.int() }),
});

/** The bank: what stands between this service and the world. */
export abstract class Bank {
  /** Takes the money for an order, once. */
  abstract take(order: string, cents: number): Promise<void>;
}

export class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
    @inject(Bank) private readonly bank: Bank,
  ) {}

  @Subscribe(OrderPlaced, { retry: { backoff: { delay: '1m' } } })
  async charge({ order, sku }: OrderPlaced) {
    if (sku === '') throw new NonRetryableError('nothing was ordered');
    const { cents } = await this.requester.request(QuotePrice, { sku });
    await this.bank.take(order, cents);
    await this.publisher.publish(PaymentTaken, { order, cents });
  }
}
// #endregion
