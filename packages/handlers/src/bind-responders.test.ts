import {
  BelfryError,
  defineChannel,
  defineEvent,
  defineRequest,
  type EventData,
  type RequestInput,
} from '@belfry/contracts';
import { type Bus, createBus, currentContext, type RequestContext, Requester, silentLogger } from '@belfry/core';
import { Container, inject } from 'inversify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bindHandlers, type HandlerClass, MessageScoped, Respond, Subscribe } from './index.js';

const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.number() }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }) },
});
type QuotePrice = RequestInput<typeof QuotePrice>;
const ListPrices = defineRequest('pricing.list', {
  input: z.object({ count: z.number() }),
  output: z.object({ cents: z.number() }),
  stream: true,
});
type ListPrices = RequestInput<typeof ListPrices>;
const Total = defineRequest('orders.total', { input: z.object({ skus: z.array(z.string()) }), output: z.number() });
type Total = RequestInput<typeof Total>;
const PriceChanged = defineEvent('prices.changed', { schema: z.object({ sku: z.string() }) });
type PriceChanged = EventData<typeof PriceChanged>;
const Text = defineChannel('mychannel');

let namespace: string;
let bus: Bus;
let other: Bus;
let container: Container;
let seen: string[];

const busOf = (name: string) => createBus({ url: 'memory:', name, namespace, logger: silentLogger });

beforeEach(() => {
  namespace = `test-${crypto.randomUUID()}`;
  bus = busOf('pricing');
  other = busOf('orders');
  container = new Container();
  seen = [];
});
afterEach(() => Promise.all([bus.close(), other.close()]));

const refusal = async (...handlers: HandlerClass[]): Promise<BelfryError> => {
  const error = await bindHandlers(bus, container, handlers).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BelfryError);
  expect([...bus.subscriptions, ...bus.responders]).toHaveLength(0);
  return error as BelfryError;
};

const loose = { Respond, Subscribe } as unknown as Record<
  'Respond' | 'Subscribe',
  (what: unknown, options?: unknown) => MethodDecorator
>;

describe('bindHandlers', () => {
  it('answers with the decorated methods, on one instance, with input and context', async () => {
    let made = 0;
    class Pricing {
      readonly name = `pricing-${++made}`;
      @Respond(QuotePrice)
      quote({ sku }: QuotePrice, context: RequestContext<typeof QuotePrice>) {
        seen.push(`${this.name} ${sku} ${context.type} ${context.source.split('/')[1]}`);
        return { cents: sku.length };
      }
    }
    const bound = await bindHandlers(bus, container, [Pricing]);
    expect(bound).toMatchObject([
      { kind: 'respond', place: 'Pricing.quote', title: 'pricing.quote', group: 'pricing' },
    ]);
    expect(bus.responders).toEqual([bound[0]?.subscription]);
    expect(await other.request(QuotePrice, { sku: 'hat' })).toEqual({ cents: 3 });
    expect(await other.request(QuotePrice, { sku: 'gown' })).toEqual({ cents: 4 });
    expect(seen).toEqual(['pricing-1 hat pricing.quote orders', 'pricing-1 gown pricing.quote orders']);
    expect(made).toBe(1);
  });

  it('injects the requester: a responder asks one of another service', async () => {
    const contexts: RequestContext[] = [];
    class Orders {
      constructor(@inject(Requester) private readonly requester: Requester) {}
      @Respond(Total)
      async total({ skus }: Total, context: RequestContext) {
        contexts.push(context);
        const quotes = await Promise.all(skus.map((sku) => this.requester.request(QuotePrice, { sku })));
        return quotes.reduce((sum, { cents }) => sum + cents, 0);
      }
    }
    class Pricing {
      @Respond(QuotePrice)
      async quote({ sku }: QuotePrice, context: RequestContext) {
        contexts.push(context);
        return { cents: sku.length };
      }
    }
    await bindHandlers(other, new Container(), [Orders]);
    await bindHandlers(bus, container, [Pricing]);
    expect(await bus.request(Total, { skus: ['hat', 'gown'] })).toBe(7);
    const [total, quote] = contexts;
    expect(quote).toMatchObject({ correlationId: total?.correlationId, causationId: total?.messageId });
  });

  it('keeps a requester that was bound before', async () => {
    class Deaf extends Requester {
      request = () => {
        throw new Error('not in this test');
      };
    }
    container.bind(Requester).to(Deaf);
    class Pricing {
      constructor(@inject(Requester) readonly requester: Requester) {
        seen.push(requester.constructor.name);
      }
      @Respond(QuotePrice)
      quote() {
        return { cents: 1 };
      }
    }
    await bindHandlers(bus, container, [Pricing]);
    expect(seen).toEqual(['Deaf']);
  });

  it('tells the caller the errors that the contract declares, thrown or returned', async () => {
    class Pricing {
      @Respond(QuotePrice)
      quote({ sku }: QuotePrice) {
        if (sku === 'thrown') throw QuotePrice.error('UNKNOWN_SKU', { sku });
        return QuotePrice.error('UNKNOWN_SKU', { sku });
      }
    }
    await bindHandlers(bus, container, [Pricing]);
    for (const sku of ['thrown', 'returned']) {
      const error: unknown = await other.request(QuotePrice, { sku }).catch((reason: unknown) => reason);
      if (!QuotePrice.isError(error, 'UNKNOWN_SKU')) throw error;
      expect(error.data).toEqual({ sku });
    }
  });

  it('takes events and requests in one class, and on one method', async () => {
    class Pricing {
      @Subscribe(PriceChanged)
      @Respond(QuotePrice)
      both({ sku }: PriceChanged | QuotePrice) {
        seen.push(`both ${sku}`);
        return { cents: sku.length };
      }
      @Subscribe(PriceChanged, { broadcast: true })
      watch({ sku }: PriceChanged) {
        seen.push(`watched ${sku}`);
      }
    }
    const bound = await bindHandlers(bus, container, [Pricing]);
    expect(bound.map(({ kind, place, group }) => [kind, place, group])).toEqual([
      ['subscribe', 'Pricing.both', 'pricing'],
      ['respond', 'Pricing.both', 'pricing'],
      ['subscribe', 'Pricing.watch', undefined],
    ]);
    expect(await other.request(QuotePrice, { sku: 'asked' })).toEqual({ cents: 5 });
    await other.publish(PriceChanged, { sku: 'told' });
    await expect.poll(() => seen.length).toBe(3);
    expect(seen.sort()).toEqual(['both asked', 'both told', 'watched told']);
  });

  it('streams what a generator yields, and stops it when the caller stops', async () => {
    class Pricing {
      @Respond(ListPrices)
      async *list({ count }: ListPrices) {
        try {
          for (let cents = 1; cents <= count; cents++) yield { cents };
        } finally {
          seen.push('finished');
        }
      }
    }
    await bindHandlers(bus, container, [Pricing]);
    const all: number[] = [];
    for await (const { cents } of other.request(ListPrices, { count: 3 })) all.push(cents);
    expect(all).toEqual([1, 2, 3]);
    for await (const _ of other.request(ListPrices, { count: 1_000_000 })) break;
    await expect.poll(() => seen).toEqual(['finished', 'finished']);
  });
});

describe('a subclass', () => {
  it('answers in place of its base class; a decorated override replaces what the base method says', async () => {
    abstract class Base {
      @Respond(QuotePrice, { concurrency: 1 })
      quote({ sku }: QuotePrice) {
        return { cents: sku.length };
      }
      @Respond(Total)
      sum(_: object): number {
        return 0;
      }
    }
    class Derived extends Base {
      override quote(input: QuotePrice) {
        return { cents: super.quote(input).cents * 10 };
      }
      @Subscribe(PriceChanged)
      override sum() {
        return 1;
      }
    }
    const bound = await bindHandlers(bus, container, [Derived]);
    expect(bound.map(({ place, title }) => [place, title])).toEqual([
      ['Derived.quote', 'pricing.quote'],
      ['Derived.sum', 'prices.changed'],
    ]);
    expect(await other.request(QuotePrice, { sku: 'hat' })).toEqual({ cents: 30 });
    await expect(other.request(Total, { skus: [] })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
  });
});

describe('a message-scoped class', () => {
  it('is made for each request, inside the context of the request; a generator too', async () => {
    class Transaction {
      readonly messageId = currentContext()?.messageId;
    }
    let made = 0;
    @MessageScoped()
    class Pricing {
      readonly number = ++made;
      constructor(
        @inject(Transaction) readonly transaction: Transaction,
        @inject('later') readonly later: string,
      ) {}
      @Respond(QuotePrice, { concurrency: 1 })
      quote(_: QuotePrice, { messageId }: RequestContext) {
        seen.push(`${this.number} ${this.transaction.messageId === messageId} ${this.later}`);
        return { cents: this.number };
      }
      @Respond(ListPrices)
      async *list({ count }: ListPrices, { messageId }: RequestContext) {
        for (let n = 0; n < count; n++) yield { cents: this.number };
        expect(currentContext()?.messageId).toBe(messageId);
        seen.push(`${this.number} ${this.transaction.messageId === messageId} ${this.later}`);
      }
    }
    container.bind(Transaction).toSelf().inRequestScope();
    container.bind('later').toDynamicValue(async () => 'later');
    await bindHandlers(bus, container, [Pricing]);
    expect(made).toBe(0);
    expect(await other.request(QuotePrice, { sku: 'a' })).toEqual({ cents: 1 });
    expect(await other.request(QuotePrice, { sku: 'b' })).toEqual({ cents: 2 });
    const streamed: number[] = [];
    for await (const { cents } of other.request(ListPrices, { count: 2 })) streamed.push(cents);
    expect(streamed).toEqual([3, 3]);
    expect(seen).toEqual(['1 true later', '2 true later', '3 true later']);
  });

  it('that cannot be made fails the request without telling the caller why, and goes on', async () => {
    let made = 0;
    @MessageScoped()
    class Pricing {
      constructor() {
        if (++made === 1) throw new Error('the password is wrong');
      }
      @Respond(QuotePrice)
      quote() {
        return { cents: 1 };
      }
    }
    await bindHandlers(bus, container, [Pricing]);
    const error: unknown = await other.request(QuotePrice, { sku: 'a' }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'HANDLER_FAILED' });
    expect(String(error)).not.toContain('password');
    expect(await other.request(QuotePrice, { sku: 'a' })).toEqual({ cents: 1 });
  });
});

describe('bindHandlers refuses', () => {
  it('two responders to one request, naming both and the way out', async () => {
    class Pricing {
      @Respond(QuotePrice)
      quote() {
        return { cents: 1 };
      }
    }
    class Discounts {
      @Respond(QuotePrice, { concurrency: 1 })
      reduced() {
        return { cents: 0 };
      }
    }
    const error = await refusal(Pricing, Discounts);
    expect(error.message).toBe(
      'DUPLICATE_HANDLER: Pricing.quote and Discounts.reduced both respond to pricing.quote: each request would be answered by only one of them. A contract has one responder in a service: answer in one method, and take @Respond away from the other.',
    );
  });

  it('but not the same class listed twice, another version, or an event of the same name', async () => {
    const { input, output } = QuotePrice;
    const Second = defineRequest('pricing.quote', { version: 2, input, output });
    const Quoted = defineEvent('pricing.quote', { schema: input });
    class Pricing {
      @Respond(QuotePrice)
      first() {
        return { cents: 1 };
      }
      @Respond(Second)
      second() {
        return { cents: 2 };
      }
      @Subscribe(Quoted)
      quoted({ sku }: QuotePrice) {
        seen.push(sku);
      }
    }
    expect(await bindHandlers(bus, container, [Pricing, Pricing])).toHaveLength(3);
    expect(await other.request(QuotePrice, { sku: 'a' })).toEqual({ cents: 1 });
    expect(await other.request(Second, { sku: 'a' })).toEqual({ cents: 2 });
    await other.publish(Quoted, { sku: 'told' });
    await expect.poll(() => seen).toEqual(['told']);
  });

  it('a static method', async () => {
    class Static {
      handle() {}
      static quote() {}
    }
    (loose.Respond(QuotePrice) as (target: object, name: string, descriptor: object) => void)(Static, 'quote', {});
    expect((await refusal(Static)).message).toContain('HANDLER_INVALID: Static.quote is static');
  });

  it('wrong options and contracts that got past the compiler, all at once and with their places', async () => {
    class Wrong {
      @loose.Respond(QuotePrice, { retries: 3, concurrency: 0 })
      options() {}
      @loose.Respond(Total, { group: 'audit' })
      group() {}
      @loose.Respond({ name: 'x' })
      contract() {}
      @loose.Respond(undefined)
      nothing() {}
      @loose.Respond('pricing.*')
      pattern() {}
    }
    const error = await refusal(Wrong);
    expect(error.code).toBe('OPTION_INVALID');
    expect(error.message).toContain('5 mistakes');
    expect(error.message).toMatch(/OPTION_INVALID: Wrong\.options: .*"retries" is no option.*concurrency must be/);
    expect(error.message).toMatch(/OPTION_INVALID: Wrong\.group: .*"group" is no option/);
    expect(error.message).toContain('CONTRACT_INVALID: Wrong.contract: ');
    expect(error.message).toContain('CONTRACT_INVALID: Wrong.nothing: ');
    expect(error.message).toContain('CONTRACT_INVALID: Wrong.pattern: ');
  });

  it('the wrong one of the two decorators, naming the right one', async () => {
    class Wrong {
      @loose.Respond(PriceChanged)
      event() {}
      @loose.Respond(Text)
      channel() {}
      @loose.Subscribe(QuotePrice)
      request() {}
      @loose.Subscribe([PriceChanged, QuotePrice])
      among() {}
    }
    const error = await refusal(Wrong);
    expect(error.message.split('\n').slice(1)).toEqual([
      '- CONTRACT_INVALID: Wrong.event: prices.changed is an event: nobody waits for an answer. Decorate the method with @Subscribe(…) instead of @Respond(…).',
      '- CONTRACT_INVALID: Wrong.channel: mychannel is a channel: nobody waits for an answer. Decorate the method with @Subscribe(…) instead of @Respond(…).',
      '- CONTRACT_INVALID: Wrong.request: pricing.quote is a request: whoever asks waits for an answer. Decorate the method with @Respond(…) instead of @Subscribe(…).',
      '- CONTRACT_INVALID: Wrong.among: pricing.quote is a request: whoever asks waits for an answer. Decorate the method with @Respond(…) instead of @Subscribe(…).',
    ]);
  });

  it('what another service responds to, and takes back what it had started', async () => {
    class Pricing {
      @Respond(QuotePrice)
      quote() {
        return { cents: 1 };
      }
      @Respond(Total)
      total() {
        return 0;
      }
      @Subscribe(PriceChanged)
      changed() {}
    }
    class Orders {
      @Respond(QuotePrice)
      quote() {
        return { cents: 2 };
      }
    }
    const [running] = await bindHandlers(other, new Container(), [Orders]);
    expect((await refusal(Pricing)).code).toBe('DUPLICATE_RESPONDER');
    await expect(other.request(Total, { skus: [] })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    expect(await bus.request(QuotePrice, { sku: 'a' })).toEqual({ cents: 2 });

    await running?.subscription.end();
    await bindHandlers(bus, container, [Pricing]);
    expect(await other.request(QuotePrice, { sku: 'a' })).toEqual({ cents: 1 });
  });
});
