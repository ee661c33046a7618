import { defineEvent, defineRequest, type EventData, NonRetryableError, type RequestInput } from '@belfry/contracts';
import { type MessageContext, Publisher } from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { ContainerModule, inject } from 'inversify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { fakeResponder } from '../doubles/fake-responder.js';
import { override } from './override.js';
import { startHarness } from './start-harness.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string(), cents: z.int() }) });
const PaymentTaken = defineEvent('payments.taken', {
  schema: z.object({ order: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
  guarantee: 'durable',
});
const Quote = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string() }),
  output: z.object({ cents: z.int() }),
  errors: { UNKNOWN_SKU: null },
  timeout: '2s',
});

abstract class Till {
  abstract take(cents: number): Promise<void>;
}

class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Till) private readonly till: Till,
  ) {}

  @Subscribe(OrderPlaced)
  async charge({ order, cents }: EventData<typeof OrderPlaced>) {
    await this.till.take(cents);
    await this.publisher.publish(PaymentTaken, { order, at: '2026-01-01T00:00:00.000Z' });
  }
}

class Pricing {
  @Respond(Quote)
  quote({ sku }: RequestInput<typeof Quote>) {
    if (sku === 'none') throw Quote.error('UNKNOWN_SKU');
    return { cents: sku.length };
  }
}

const till = new ContainerModule(({ bind }) => {
  bind(Till).toConstantValue({
    take: async () => {
      throw new Error('the real till');
    },
  });
});
const order = { order: 'o-1', cents: 1250 };

describe('a harness', () => {
  it('runs a service, with what takes the place of its bindings', async () => {
    const taken: number[] = [];
    const overrides = [override(Till, { take: async (cents) => void taken.push(cents) })];
    await using harness = await startHarness({ handlers: [Billing], modules: [till], overrides });
    await harness.publish(OrderPlaced, order);
    const payment = await harness.published(PaymentTaken, { order: 'o-1' });
    expect(taken).toEqual([1250]);
    expect(payment).toMatchObject({ by: 'service', data: { at: '2026-01-01T00:00:00.000Z' } });
    const { data, context } = await harness.handled(OrderPlaced);
    expect(data).toEqual(order);
    expect(payment.causationId).toBe(context.messageId);
  });

  it('says what happened instead of what was waited for', async () => {
    await using harness = await startHarness({ handlers: [Billing], modules: [till], patience: '50ms' });
    await harness.publish(OrderPlaced, order);
    const error = await harness.published(PaymentTaken).catch((reason) => reason);
    expect(error.message).toMatch(/^No payments\.taken was published\.\n\nWhat happened/);
    expect(error.message).toContain('published   orders.placed {"order":"o-1","cents":1250} by test');
    expect(error.message).toContain(
      'failed      orders.placed {"order":"o-1","cents":1250} by service: Error: the real till',
    );
    expect(error.message).toContain('error: A handler of orders.placed threw.');
  });

  it('asks, and is answered', async () => {
    await using harness = await startHarness({ handlers: [Pricing] });
    expect(await harness.request(Quote, { sku: 'bell' })).toEqual({ cents: 4 });
    await expect(harness.request(Quote, { sku: 'none' })).rejects.toMatchObject({ code: 'UNKNOWN_SKU' });
    expect(await harness.handled(Quote, { sku: 'bell' })).toMatchObject({ output: { cents: 4 } });
    expect(await harness.asked(Quote, { sku: 'none' })).toMatchObject({ by: 'test' });
  });

  it('turns the clock to a timeout', async () => {
    const silent = fakeResponder(Quote, () => new Promise<never>(() => {}));
    await using harness = await startHarness({ responders: [silent] });
    const began = performance.now();
    const reply = harness.request(Quote, { sku: 'bell' });
    const outcome = expect(reply).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    await harness.advance('2s');
    await outcome;
    expect(silent.asked).toEqual([{ sku: 'bell' }]);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('the clock of a harness', () => {
  class Ledger {
    attempts: Date[] = [];

    @Subscribe(PaymentTaken, { retry: { attempts: 4, backoff: { delay: '1m', maxDelay: '1h', jitter: 0 } } })
    book({ order }: EventData<typeof PaymentTaken>, { attempt }: MessageContext) {
      this.attempts.push(new Date());
      if (order === 'bad') throw new NonRetryableError('no such order');
      if (attempt < 4) throw new Error(`attempt ${attempt}`);
    }
  }
  const payment = { order: 'o-1', at: '2026-01-01T00:00:00.000Z' };
  afterEach(() => void vi.useRealTimers());

  it('runs retries at once, in their order', async () => {
    await using harness = await startHarness({ handlers: [Ledger], startAt: new Date('2026-01-01') });
    await harness.publish(PaymentTaken, payment);
    await harness.settled();
    expect(await harness.failed(PaymentTaken)).toMatchObject({ attempt: 1 });
    expect(harness.account()).toContain('in 1m: payments.taken {"order":"o-1"');
    await harness.advance('1m');
    expect(harness.container.get(Ledger).attempts).toHaveLength(2);
    await harness.settled({ within: '10m' });
    const { attempt, at } = await harness.handled(PaymentTaken);
    expect({ attempt, at }).toEqual({ attempt: 4, at: new Date('2026-01-01T00:07:00.000Z') });
  });

  it('waits as long as it is told, in its own time', async () => {
    await using harness = await startHarness({ handlers: [Ledger] });
    await harness.publish(PaymentTaken, payment, { delay: '1h' });
    await harness.settled();
    await expect(harness.handled(PaymentTaken, undefined, { within: '30m' })).rejects.toThrow(
      'No payments.taken was handled',
    );
    expect(await harness.handled(PaymentTaken, undefined, { within: '40m' })).toMatchObject({ attempt: 4 });
  });

  it('ends what a group remembers, and what a log does', async () => {
    const Briefly = defineEvent('news.flashed', {
      schema: z.object({}),
      guarantee: 'durable',
      duplicateWindow: '1m',
    });
    class Desk {
      @Subscribe(Briefly, { once: '10m' })
      read() {}
    }
    await using harness = await startHarness({ handlers: [Desk] });
    const publish = () => harness.publish(Briefly, {}, { id: 'news-1' });
    const countOf = (did: string) => harness.facts.filter((fact) => fact.did === did).length;
    await publish();
    expect(await publish()).toMatchObject({ duplicate: true });
    await harness.advance('1m');
    await publish(); // the log has forgotten it, the group has not
    await harness.settled();
    expect([countOf('published'), countOf('handled')]).toEqual([2, 1]);
    await harness.advance('10m');
    await publish();
    await harness.settled();
    expect([countOf('published'), countOf('handled')]).toEqual([3, 2]);
  });

  it('turns fake timers with it', async () => {
    vi.useFakeTimers({ now: new Date('2026-01-01') });
    await using harness = await startHarness({ handlers: [Ledger] });
    const times: string[] = [];
    setTimeout(() => times.push(`timer at ${new Date().toISOString()}`), 30_000);
    await harness.publish(PaymentTaken, payment);
    await harness.advance('3m');
    expect(times).toEqual(['timer at 2026-01-01T00:00:30.000Z']);
    expect(harness.container.get(Ledger).attempts.map((date) => date.toISOString())).toEqual([
      '2026-01-01T00:00:00.000Z',
      '2026-01-01T00:01:00.000Z',
      '2026-01-01T00:03:00.000Z',
    ]);
    expect(harness.now()).toEqual(new Date());
  });

  it('tells of dead letters', async () => {
    await using harness = await startHarness({ handlers: [Ledger] });
    await harness.publish(PaymentTaken, { ...payment, order: 'bad' });
    const letter = await harness.deadLettered(PaymentTaken, { order: 'bad' });
    expect(letter).toMatchObject({ group: 'service', attempts: 1, reason: { code: 'HANDLER_FAILED' } });
  });
});
