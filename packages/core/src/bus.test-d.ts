import { defineChannel, defineEvent, defineRequest, type EventData } from '@belfry/contracts';
import { type } from 'arktype';
import * as v from 'valibot';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import {
  type Bus,
  createBus,
  type Handler,
  type HandlerArguments,
  type MessageContext,
  type Publisher,
  type Receipt,
  type Reply,
  type ReplyIterator,
  type RequestContext,
  Requester,
  type RequestHandler,
  type Responder,
  type Subscription,
} from './index.js';

declare const bus: Bus;

const Placed = defineEvent('orders.placed', {
  schema: z.object({ orderId: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
});
const Paid = defineEvent('orders.paid', { schema: v.object({ orderId: v.string(), cents: v.number() }) });
const Shipped = defineEvent('orders.shipped', { schema: type({ orderId: 'string', carrier: "'dhl' | 'ups'" }) });
const Text = defineChannel('mychannel');
const Numbers = defineChannel('numbers', { schema: z.object({ n: z.number() }) });

const order = { orderId: 'o-1', at: '2026-01-02T03:04:05Z' };

// Publishing takes the schema's input.
expectTypeOf(bus.publish(Placed, order)).toEqualTypeOf<Promise<Receipt>>();
bus.publish(Paid, { orderId: 'o-1', cents: 7 }, { key: 'k', extensions: { tenant: 'eu' } });
bus.publish(Shipped, { orderId: 'o-1', carrier: 'dhl' });
bus.publish(Text, 'Hello, world!');
bus.publish(Numbers, { n: 7 });
expectTypeOf<Bus>().toExtend<Publisher>();

// @ts-expect-error - the payload lacks `at`
bus.publish(Placed, { orderId: 'o-1' });
// @ts-expect-error - the payload lacks `cents`
bus.publish(Paid, { orderId: 'o-1' });
// @ts-expect-error - the payload has a field that the contract does not know
bus.publish(Placed, { ...order, orderID: 'o-1' });
// @ts-expect-error - the output is not what travels
bus.publish(Placed, { orderId: 'o-1', at: new Date() });
// @ts-expect-error - no such carrier
bus.publish(Shipped, { orderId: 'o-1', carrier: 'mail' });
// @ts-expect-error - a channel without a schema takes text
bus.publish(Text, { n: 7 });
// @ts-expect-error - no payload at all
bus.publish(Placed);
// @ts-expect-error - a name is no contract
bus.publish('orders.placed', order);
// @ts-expect-error - an unknown option of a publish
bus.publish(Placed, order, { later: '5s' });
// @ts-expect-error - an extension must be a text, a number or a boolean
bus.publish(Placed, order, { extensions: { tenant: { id: 7 } } });

// A handler gets the schema's output, and may take fewer parameters.
expectTypeOf(bus.subscribe(Placed, () => {})).toEqualTypeOf<Promise<Subscription>>();
bus.subscribe(Placed, (data) => {
  expectTypeOf(data).toEqualTypeOf<{ orderId: string; at: Date }>();
});
bus.subscribe(Placed, async (data, context) => {
  expectTypeOf(context.data).toEqualTypeOf(data);
  expectTypeOf(context.type).toEqualTypeOf<'orders.placed'>();
  expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
});
bus.subscribe(Placed, (_: { orderId: string }) => {});
bus.subscribe(Placed, (_: unknown, __: MessageContext) => {});
bus.subscribe(Text, (text) => text.toUpperCase());
bus.subscribe(Numbers, ({ n }) => n + 1);

// @ts-expect-error - the handler expects a number
bus.subscribe(Placed, (_: { orderId: number }) => {});
// @ts-expect-error - the handler expects a field that the event does not have
bus.subscribe(Placed, (_: EventData<typeof Paid>) => {});
// @ts-expect-error - the handler expects the input, but gets the output
bus.subscribe(Placed, (_: { at: string }) => {});
// @ts-expect-error - the handler expects the context of another event
bus.subscribe(Placed, (_, __: MessageContext<typeof Paid>) => {});
// @ts-expect-error - there is no third parameter
bus.subscribe(Placed, (_, __, ___: string) => {});
// @ts-expect-error - a channel without a schema gives text
bus.subscribe(Text, (_: { n: number }) => {});
// @ts-expect-error - no handler
bus.subscribe(Placed);

// Several contracts give a union: the context's type narrows the context's data.
bus.subscribe([Placed, Paid, Shipped], (data, context) => {
  expectTypeOf(data.orderId).toEqualTypeOf<string>();
  if (context.type === 'orders.paid') {
    expectTypeOf(context.data).toEqualTypeOf<{ orderId: string; cents: number }>();
    // @ts-expect-error - the compiler does not see that the argument beside it is the same data
    data.cents;
  } else if (context.type === 'orders.shipped') {
    expectTypeOf(context.data.carrier).toEqualTypeOf<'dhl' | 'ups'>();
  } else {
    expectTypeOf(context.type).toEqualTypeOf<'orders.placed'>();
    expectTypeOf(context.data.at).toEqualTypeOf<Date>();
  }
});
bus.subscribe([Placed, Paid], (_, { type, data }) => {
  if (type === 'orders.paid') expectTypeOf(data.cents).toEqualTypeOf<number>();
  // @ts-expect-error - only a payment has cents
  else data.cents;
});
bus.subscribe([Text, Numbers], (_, { type, data }) => {
  if (type === 'mychannel') expectTypeOf(data).toEqualTypeOf<string>();
  else expectTypeOf(data).toEqualTypeOf<{ n: number }>();
});
expectTypeOf<HandlerArguments<typeof Placed | typeof Paid>[0]>().toEqualTypeOf<
  EventData<typeof Placed> | EventData<typeof Paid>
>();
const either: Handler<typeof Placed | typeof Paid> = ({ orderId }) => orderId;
bus.subscribe([Placed, Paid], either);
bus.subscribe([Placed, Paid], (_: { orderId: string }) => {});
// @ts-expect-error - a payment has no `at`
bus.subscribe([Placed, Paid], (_: EventData<typeof Placed>) => {});
bus.subscribe([Placed, Paid], (data) => {
  // @ts-expect-error - not every one of them has cents
  data.cents;
});

// A pattern gives unknown.
bus.subscribe('orders.*', (data, context) => {
  expectTypeOf(data).toEqualTypeOf<unknown>();
  expectTypeOf(context.type).toEqualTypeOf<string>();
});
// @ts-expect-error - nobody knows what a pattern brings
bus.subscribe('orders.*', (_: { orderId: string }) => {});

// Options
bus.subscribe(Placed, () => {}, { group: 'billing.audit', concurrency: 4 });
bus.subscribe([Placed, Paid], () => {}, { group: 'billing.audit' });
bus.subscribe(Placed, () => {}, { broadcast: true });
bus.subscribe(Text, () => {}, { broadcast: true, concurrency: 1 });
bus.subscribe('orders.*', () => {}, { maxQueuedMessages: 10 });
// @ts-expect-error - a bare channel has no group
bus.subscribe(Text, () => {}, { group: 'billing' });
// @ts-expect-error - one of the contracts is a bare channel
bus.subscribe([Placed, Text], () => {}, { group: 'billing' });
// @ts-expect-error - a pattern has no group
bus.subscribe('orders.*', () => {}, { group: 'billing' });
// @ts-expect-error - a bare channel is always a broadcast
bus.subscribe(Text, () => {}, { broadcast: false });
// @ts-expect-error - an unknown option of a subscription
bus.subscribe(Placed, () => {}, { concurency: 4 });
// @ts-expect-error - an unknown option on a pattern
bus.subscribe('orders.*', () => {}, { retry: 3 });
// @ts-expect-error - the concurrency is a number
bus.subscribe(Placed, () => {}, { concurrency: '4' });

createBus({ url: 'memory:', name: 'billing', validate: { receive: false } });
// @ts-expect-error - an unknown option of the bus
createBus({ url: 'memory:', retries: 3 });
// @ts-expect-error - an unknown half of validate
createBus({ url: 'memory:', validate: { publsh: false } });

bus.ready(Placed, { groups: ['billing'], timeout: '5s' });
// @ts-expect-error - not a duration
bus.ready(Placed, { timeout: 'soon' });
// @ts-expect-error - an unknown option
bus.ready(Placed, { group: 'billing' });
bus.close({ timeout: '5s' });
// @ts-expect-error - not a unit
bus.close({ timeout: '5 weeks' });

// @ts-expect-error - what a subscription counts is not for others to change
(await bus.subscribe(Placed, () => {})).stats.handled = 0;

// Requests: the caller gives the input's input, and gets a promise of the output's output.
const Quote = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string(), count: z.number().default(1) }),
  output: z.object({ cents: z.number(), at: z.iso.datetime().transform((text) => new Date(text)) }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }), SOLD_OUT: null },
});
const Count = defineRequest('numbers.count', {
  input: z.number(),
  output: z.number(),
  errors: { TOO_MANY: null },
  stream: true,
});
const price = { cents: 7, at: '2026-01-02T03:04:05Z' };

expectTypeOf<Bus>().toExtend<Requester>();
expectTypeOf(bus.request(Quote, { sku: 'x' })).toEqualTypeOf<Promise<{ cents: number; at: Date }>>();
expectTypeOf(bus.request(Count, 7)).toEqualTypeOf<ReplyIterator<number>>();
expectTypeOf<Reply<typeof Quote>>().toEqualTypeOf<Promise<{ cents: number; at: Date }>>();
bus.request(Quote, { sku: 'x' }, { timeout: '1s', signal: new AbortController().signal, key: 'k' });
bus.request(Quote, { sku: 'x' }, { correlationId: 'c', extensions: { tenant: 'eu' } });
for await (const n of bus.request(Count, 7)) expectTypeOf(n).toEqualTypeOf<number>();
{
  await using numbers = bus.request(Count, 7);
  expectTypeOf(await numbers.return()).toEqualTypeOf<IteratorResult<number, undefined>>();
}
const requester: Requester = bus;
expectTypeOf(requester.request(Quote, { sku: 'x' })).toEqualTypeOf<Promise<{ cents: number; at: Date }>>();
await bus.request(Quote, { sku: 'x' }).catch((error: unknown) => {
  if (Quote.isError(error, 'UNKNOWN_SKU')) expectTypeOf(error.data.sku).toEqualTypeOf<string>();
});

// @ts-expect-error - the input lacks `sku`
bus.request(Quote, {});
// @ts-expect-error - the sku is a text
bus.request(Quote, { sku: 7 });
// @ts-expect-error - the input has a field that the contract does not know
bus.request(Quote, { sku: 'x', depot: 'main' });
// @ts-expect-error - no input at all
bus.request(Quote);
// @ts-expect-error - an event is published, not asked
bus.request(Placed, order);
// @ts-expect-error - a request is asked, not published
bus.publish(Quote, { sku: 'x' });
// @ts-expect-error - a request is answered, not subscribed to
bus.subscribe(Quote, () => {});
// @ts-expect-error - a name is no contract
bus.request('pricing.quote', { sku: 'x' });
// @ts-expect-error - no duration
bus.request(Quote, { sku: 'x' }, { timeout: 'soon' });
// @ts-expect-error - a controller is no signal
bus.request(Quote, { sku: 'x' }, { signal: new AbortController() });
// @ts-expect-error - an unknown option of a request
bus.request(Quote, { sku: 'x' }, { retries: 3 });
// @ts-expect-error - one value is awaited, not iterated over
for await (const _ of bus.request(Quote, { sku: 'x' }));
// @ts-expect-error - many values are iterated over, not awaited
bus.request(Count, 7).then(() => {});
// @ts-expect-error - the answer has no such field
(await bus.request(Quote, { sku: 'x' })).dollars;

// Responding: the handler gets the input's output, and gives the output's input, or an error that the contract declares.
expectTypeOf(bus.respond(Quote, () => price)).toEqualTypeOf<Promise<Responder>>();
bus.respond(Quote, (input, context) => {
  expectTypeOf(input).toEqualTypeOf<{ sku: string; count: number }>();
  expectTypeOf(context).toEqualTypeOf<RequestContext<typeof Quote>>();
  expectTypeOf(context.type).toEqualTypeOf<'pricing.quote'>();
  expectTypeOf(context.data).toEqualTypeOf(input);
  expectTypeOf(context.deadline).toEqualTypeOf<Date>();
  expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
  return price;
});
bus.respond(Quote, async ({ sku }) => (sku === '' ? Quote.error('UNKNOWN_SKU', { sku }) : price));
bus.respond(Quote, () => Quote.error('SOLD_OUT'), { concurrency: 4, maxQueuedMessages: 10 });
bus.respond(Quote, (_: { sku: string }) => price);
bus.respond(Quote, () => {
  throw Quote.error('SOLD_OUT');
});
const quote: RequestHandler<typeof Quote> = () => price;
bus.respond(Quote, quote);
bus.respond(Count, async function* (most, { deadline }) {
  expectTypeOf(most).toEqualTypeOf<number>();
  expectTypeOf(deadline).toEqualTypeOf<Date>();
  yield 1;
  if (most > 1) throw Count.error('TOO_MANY');
});

// @ts-expect-error - the handler expects another input
bus.respond(Quote, (_: { sku: number }) => price);
// @ts-expect-error - the handler expects a field that the request does not have
bus.respond(Quote, (_: { customer: string }) => price);
// @ts-expect-error - the answer lacks `at`
bus.respond(Quote, () => ({ cents: 7 }));
// @ts-expect-error - what travels is a text, not a Date
bus.respond(Quote, async () => ({ cents: 7, at: new Date() }));
// @ts-expect-error - no answer
bus.respond(Quote, () => {});
// @ts-expect-error - no answer in a promise either
bus.respond(Quote, async () => {});
// @ts-expect-error - an error of another contract
bus.respond(Quote, () => Count.error('TOO_MANY'));
// @ts-expect-error - any other error is thrown, not returned
bus.respond(Quote, () => new Error('no'));
// @ts-expect-error - one value is the answer, and this is a generator
bus.respond(Quote, async function* () {
  yield price;
});
// @ts-expect-error - many values are the answer: the handler is a generator
bus.respond(Count, () => 7);
// @ts-expect-error - the generator yields texts, not numbers
bus.respond(Count, async function* () {
  yield 'seven';
});
// @ts-expect-error - the handler expects the context of another request
bus.respond(Quote, (_, __: RequestContext<typeof Count>) => price);
// @ts-expect-error - there is no third parameter
bus.respond(Quote, (_, __, ___: string) => price);
// @ts-expect-error - no handler
bus.respond(Quote);
// @ts-expect-error - an event is subscribed to, not answered
bus.respond(Placed, () => price);
// @ts-expect-error - the responders of a service share the work: there is no other group
bus.respond(Quote, () => price, { group: 'audit' });
// @ts-expect-error - a request goes to one instance
bus.respond(Quote, () => price, { broadcast: true });
// @ts-expect-error - an unknown option of a responder
bus.respond(Quote, () => price, { concurency: 4 });

bus.ready(Quote, { groups: ['pricing'] });
expectTypeOf(bus.requests.late).toEqualTypeOf<number>();
expectTypeOf((await bus.respond(Quote, () => price)).stats.expired).toEqualTypeOf<number>();
// @ts-expect-error - what a bus counts is not for others to change
bus.requests.asked = 0;
// @ts-expect-error - what a responder counts is not for others to change
(await bus.respond(Quote, () => price)).stats.handled = 0;
createBus({ url: 'memory:', exposeErrors: true });
