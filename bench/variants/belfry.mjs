// Belfry with everything on: envelope, schema on both sides, context, concurrency limit, group.
// `contract` and `subscribe` add to the options, `bus` to those of the bus; `durable` asks for the other guarantee.
import { createBus, defineEvent, defineRequest } from 'belfry';
import { z } from 'zod';

const Order = z.object({
  orderId: z.string(),
  customerId: z.string(),
  total: z.number(),
  note: z.string(),
  sentAt: z.number().optional(),
});
const QuotePrice = defineRequest('pricing.quote', { input: Order, output: z.object({ total: z.number() }) });

const eventOf = ({ durable, contract }) =>
  defineEvent('orders.placed', { schema: Order, ...(durable ? { guarantee: 'durable' } : {}), ...contract });
const busOf = (name, { url, bus }) => createBus({ url, name, ...bus });

export function publisher(options) {
  const bus = busOf('shop', options);
  const OrderPlaced = eventOf(options);
  return { publish: (order) => bus.publish(OrderPlaced, order), close: () => bus.close() };
}

export async function subscriber(options, take) {
  const bus = busOf('billing', options);
  await bus.subscribe(eventOf(options), take, options.subscribe);
  return { close: () => bus.close() };
}

export function caller(options) {
  const bus = busOf('shop', options);
  return { ask: (order) => bus.request(QuotePrice, order), close: () => bus.close() };
}

export async function responder(options, answer) {
  const bus = busOf('pricing', options);
  await bus.respond(QuotePrice, answer);
  return { close: () => bus.close() };
}
