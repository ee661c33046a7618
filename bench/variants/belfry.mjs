// Belfry with everything on: envelope, schema on both sides, context, concurrency limit, group.
// `contract` and `subscribe` add to the options, `bus` to those of the bus; `durable` asks for the other guarantee, `keyed` for a key.
import { createBus, defineEvent, defineRequest, runInContext } from 'belfry';
import { z } from 'zod';

const Order = z.object({
  orderId: z.string(),
  customerId: z.string(),
  total: z.number(),
  note: z.string(),
  sentAt: z.number().optional(),
});
const Price = z.object({ total: z.number() });
const QuotePrice = defineRequest('pricing.quote', { input: Order, output: Price });
const QuotePrices = defineRequest('pricing.quotes', { input: Order, output: Price, stream: true });

const eventOf = ({ durable, keyed, contract }, name = 'orders.placed') =>
  defineEvent(name, {
    schema: Order,
    ...(durable ? { guarantee: 'durable' } : {}),
    ...(keyed ? { key: (order) => order.customerId } : {}),
    ...contract,
  });
const busOf = (name, { url, bus }) => createBus({ url, name, ...bus });

/** `inContext`: every publish belongs to the flow of a message, as inside of a handler. */
export function publisher(options) {
  const bus = busOf('shop', options);
  const OrderPlaced = eventOf(options);
  const publish = (order) => bus.publish(OrderPlaced, order);
  const flow = { correlationId: 'c-1', messageId: 'm-1', traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` };
  return {
    publish: options.inContext ? (order) => runInContext(flow, () => publish(order)) : publish,
    close: () => bus.close(),
  };
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

export function reader(options) {
  const bus = busOf('shop', options);
  async function read(order, take) {
    for await (const value of bus.request(QuotePrices, order)) take(value);
  }
  return { read, close: () => bus.close() };
}

export async function source(options, values) {
  const bus = busOf('pricing', options);
  await bus.respond(QuotePrices, async function* (order) {
    yield* values(order);
  });
  return { close: () => bus.close() };
}

/** Many contracts, each with a subscription of its own. */
export async function listener({ channels, ...options }, take) {
  const bus = busOf('billing', options);
  const contracts = Array.from({ length: channels }, (_, n) => eventOf(options, `orders.n${n}`));
  while (contracts.length > 0)
    await Promise.all(contracts.splice(0, 100).map((contract) => bus.subscribe(contract, take, options.subscribe)));
  return { close: () => bus.close() };
}
