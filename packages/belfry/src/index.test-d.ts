import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import {
  createBus,
  createService,
  defineEvent,
  defineRequest,
  type EventData,
  inject,
  Logger,
  type MessageContext,
  Publisher,
  type RequestContext,
  Requester,
  type RequestInput,
  Respond,
  runService,
  type Service,
  Subscribe,
} from './index.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ orderId: z.string(), total: z.number() }) });
type OrderPlaced = EventData<typeof OrderPlaced>;
const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.number() }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }) },
});

class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Subscribe(OrderPlaced, { concurrency: 8 })
  async charge(order: OrderPlaced, context: MessageContext) {
    this.logger.info({ orderId: order.orderId, from: context.source }, 'charging');
    this.logger.info('done');
    await this.publisher.publish(OrderPlaced, order);
    // @ts-expect-error - the payload lacks `total`
    await this.publisher.publish(OrderPlaced, { orderId: order.orderId });
    // @ts-expect-error - what is to be said comes last
    this.logger.info('done', { orderId: order.orderId });
    try {
      const quote = await this.requester.request(QuotePrice, { sku: order.orderId }, { timeout: '1s' });
      expectTypeOf(quote).toEqualTypeOf<{ cents: number }>();
    } catch (error) {
      if (QuotePrice.isError(error, 'UNKNOWN_SKU')) expectTypeOf(error.data).toEqualTypeOf<{ sku: string }>();
    }
    // @ts-expect-error - the input lacks `sku`
    await this.requester.request(QuotePrice, {});
  }

  @Respond(QuotePrice)
  quote({ sku }: RequestInput<typeof QuotePrice>, { signal }: RequestContext) {
    return signal.aborted ? QuotePrice.error('UNKNOWN_SKU', { sku }) : { cents: 1 };
  }
}

expectTypeOf(createService({ name: 'billing', handlers: [Billing] })).toEqualTypeOf<Service>();
expectTypeOf(runService({ name: 'billing' })).toEqualTypeOf<Promise<Service>>();
createBus({ url: 'redis://127.0.0.1:6379', logger: createService({ name: 'billing' }).logger });

// @ts-expect-error - a service has a name
createService({ handlers: [Billing] });
// @ts-expect-error - classes, not instances
createService({ name: 'billing', handlers: [new Billing(null as never, null as never, null as never)] });
// @ts-expect-error - an unknown option
createService({ name: 'billing', retries: 3 });
// @ts-expect-error - no duration
createService({ name: 'billing', drainTimeout: 'soon' });
// @ts-expect-error - fail or wait
createService({ name: 'billing', startup: 'later' });
