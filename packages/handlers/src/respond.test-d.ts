import { type AnyRequest, defineEvent, defineRequest, type ReplyPayload, type RequestInput } from '@belfry/contracts';
import type { MessageContext, RequestContext } from '@belfry/core';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import { Respond, Subscribe } from './index.js';

const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.number() }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }), SOLD_OUT: null },
});
type QuoteInput = RequestInput<typeof QuotePrice>;
const ShipOrder = defineRequest('shipping.ship', {
  input: z.object({ orderId: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
  output: z.object({ arrives: z.iso.datetime().transform((text) => new Date(text)) }),
  errors: { TOO_FAR: z.object({ km: z.number() }) },
});
const ListPrices = defineRequest('pricing.list', {
  input: z.object({ prefix: z.string() }),
  output: z.object({ sku: z.string(), cents: z.number() }),
  errors: { CLOSED: null },
  stream: true,
});
type ListInput = RequestInput<typeof ListPrices>;
const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ sku: z.string() }) });
const anyRequest: AnyRequest = QuotePrice;

export class Fits {
  @Respond(QuotePrice)
  quote({ sku }: QuoteInput) {
    return { cents: sku.length };
  }

  @Respond(QuotePrice, { concurrency: 4, maxQueuedMessages: 10, maxQueuedBytes: 1024 })
  async asynchronous(input: QuoteInput, context: RequestContext<typeof QuotePrice>) {
    expectTypeOf(context.data).toEqualTypeOf<QuoteInput>();
    expectTypeOf(context.type).toEqualTypeOf<'pricing.quote'>();
    expectTypeOf(context.deadline).toEqualTypeOf<Date>();
    return { cents: input.sku.length };
  }

  @Respond(QuotePrice)
  anyContext(_: QuoteInput, { source, signal }: RequestContext) {
    return { cents: signal.aborted ? 0 : source.length };
  }

  @Respond(QuotePrice)
  nothing() {
    return { cents: 1 };
  }

  @Respond(QuotePrice)
  less(_: object) {
    return { cents: 1, and: 'more' };
  }

  @Respond(QuotePrice)
  declared({ sku }: QuoteInput) {
    if (sku === '') return QuotePrice.error('UNKNOWN_SKU', { sku });
    if (sku === 'last') return QuotePrice.error('SOLD_OUT');
    return { cents: 1 };
  }

  @Respond(QuotePrice)
  async declaredLater({ sku }: QuoteInput) {
    if (sku === '') throw QuotePrice.error('UNKNOWN_SKU', { sku });
    return sku === 'last' ? QuotePrice.error('SOLD_OUT') : { cents: 1 };
  }

  @Respond(QuotePrice)
  always(): never {
    throw QuotePrice.error('SOLD_OUT');
  }

  @Respond(ShipOrder)
  transformed({ at }: RequestInput<typeof ShipOrder>): ReplyPayload<typeof ShipOrder> {
    expectTypeOf(at).toEqualTypeOf<Date>();
    return { arrives: at.toISOString() };
  }

  @Respond(ListPrices)
  async *list({ prefix }: ListInput, { signal }: RequestContext<typeof ListPrices>) {
    if (prefix === '') throw ListPrices.error('CLOSED');
    while (!signal.aborted) yield { sku: prefix, cents: 1 };
  }

  @Respond(ListPrices)
  iterable(_: ListInput): AsyncIterable<{ sku: string; cents: number }> {
    return this.list(_, null as never);
  }

  @Respond(anyRequest)
  any(input: unknown, _: RequestContext) {
    return input;
  }

  @Subscribe(OrderPlaced)
  @Respond(QuotePrice)
  both({ sku }: { sku: string }) {
    return { cents: sku.length };
  }

  @Respond(QuotePrice)
  protected hidden(_: QuoteInput) {
    return { cents: 1 };
  }
}

export class DoesNotFit {
  // @ts-expect-error - the handler expects another input
  @Respond(QuotePrice)
  input(_: { sku: number }) {
    return { cents: 1 };
  }

  // @ts-expect-error - the handler asks for a field that the request does not have
  @Respond(QuotePrice)
  more(_: { sku: string; customer: string }) {
    return { cents: 1 };
  }

  // @ts-expect-error - the handler gets the schema's output, a Date, not its input
  @Respond(ShipOrder)
  untransformed(_: { at: string }) {
    return { arrives: '' };
  }

  // @ts-expect-error - the contract's output is another
  @Respond(QuotePrice)
  output(_: QuoteInput) {
    return { price: 1 };
  }

  // @ts-expect-error - so it is when it comes later
  @Respond(QuotePrice)
  async outputLater(_: QuoteInput) {
    return { cents: '1' };
  }

  // @ts-expect-error - the handler returns what travels, a text; the caller gets the Date
  @Respond(ShipOrder)
  outputTransformed() {
    return { arrives: new Date() };
  }

  // @ts-expect-error - nothing is no answer
  @Respond(QuotePrice)
  forgotten(_: QuoteInput) {}

  // @ts-expect-error - one of the ways out has no answer
  @Respond(QuotePrice)
  sometimes({ sku }: QuoteInput) {
    return sku === '' ? undefined : { cents: 1 };
  }

  // @ts-expect-error - another contract declares this error
  @Respond(QuotePrice)
  undeclared(_: QuoteInput) {
    return ShipOrder.error('TOO_FAR', { km: 1 });
  }

  // @ts-expect-error - so it does when it is one of several ways out
  @Respond(QuotePrice)
  async undeclaredLater({ sku }: QuoteInput) {
    return sku === '' ? ShipOrder.error('TOO_FAR', { km: 1 }) : { cents: 1 };
  }

  // @ts-expect-error - an error that is not the contract's is thrown
  @Respond(QuotePrice)
  plainError(_: QuoteInput) {
    return new Error('no');
  }

  // @ts-expect-error - the contract has stream: true, and wants a generator
  @Respond(ListPrices)
  once(_: ListInput) {
    return { sku: '', cents: 1 };
  }

  // @ts-expect-error - a list is no stream
  @Respond(ListPrices)
  async listed(_: ListInput) {
    return [{ sku: '', cents: 1 }];
  }

  // @ts-expect-error - the generator must be asynchronous
  @Respond(ListPrices)
  *synchronous(_: ListInput) {
    yield { sku: '', cents: 1 };
  }

  // @ts-expect-error - it yields what is not the contract's output
  @Respond(ListPrices)
  async *yields(_: ListInput) {
    yield { sku: '' };
  }

  // @ts-expect-error - the contract has no stream: true: one answer is wanted
  @Respond(QuotePrice)
  async *generator(_: QuoteInput) {
    yield { cents: 1 };
  }

  // @ts-expect-error - the context is of another request
  @Respond(QuotePrice)
  context(_: QuoteInput, __: RequestContext<typeof ShipOrder>) {
    return { cents: 1 };
  }

  // @ts-expect-error - the context is of an event
  @Respond(QuotePrice)
  ofEvent(_: QuoteInput, __: MessageContext<typeof OrderPlaced>) {
    return { cents: 1 };
  }

  // @ts-expect-error - nobody gives a third argument
  @Respond(QuotePrice)
  third(_: QuoteInput, __: RequestContext, ___: string) {
    return { cents: 1 };
  }

  // @ts-expect-error - a static method has no instance
  @Respond(QuotePrice)
  static shared(_: QuoteInput) {
    return { cents: 1 };
  }

  // @ts-expect-error - a property is no method
  @Respond(QuotePrice)
  property = { cents: 1 };
}

// @ts-expect-error - an unknown option
Respond(QuotePrice, { retries: 3 });
// @ts-expect-error - a number of requests, not a text
Respond(QuotePrice, { concurrency: '4' });
// @ts-expect-error - the group that responds is the service
Respond(QuotePrice, { group: 'audit' });
// @ts-expect-error - one instance answers
Respond(QuotePrice, { broadcast: true });
// @ts-expect-error - an event is subscribed to
Respond(OrderPlaced);
// @ts-expect-error - there are no patterns of requests
Respond('pricing.*');
// @ts-expect-error - one contract, one method
Respond([QuotePrice, ShipOrder]);
// @ts-expect-error - a request is responded to
Subscribe(QuotePrice);
// @ts-expect-error - so it is among events
Subscribe([OrderPlaced, QuotePrice]);
