import { fakeResponder, type HarnessOptions, override, startHarness } from '@belfry/testing';
import { createService, defineEvent, type EventData, Respond, type ServiceOptions, Subscribe } from 'belfry';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import '@belfry/testing/vitest';
import { bank } from './bank.js';
import { Bank, Billing, OrderPlaced, PaymentTaken, QuotePrice } from './billing.js';

// #region service
const quotes = fakeResponder(QuotePrice, ({ sku }) => ({ cents: sku.length * 100 }));

it('takes the money for an order', async () => {
  const taken = new Map<string, number>();
  await using harness = await startHarness({
    name: 'billing',
    handlers: [Billing],
    modules: [bank],
    overrides: [override(Bank, { take: async (order, cents) => void taken.set(order, cents) })],
    responders: [quotes],
  });

  await harness.publish(OrderPlaced, { order: 'o-1', sku: 'bell' });

  const { data, causationId } = await harness.published(PaymentTaken, { order: 'o-1' }); // waits for it
  expect(data.cents).toBe(400);
  expect(taken).toEqual(new Map([['o-1', 400]]));
  expect(causationId).toBe((await harness.handled(OrderPlaced)).id);
});
// #endregion

const setup = (take: Bank['take']): HarnessOptions => ({
  name: 'billing',
  handlers: [Billing],
  modules: [bank],
  overrides: [override(Bank, { take })],
  responders: [quotes],
});

describe('when the bank is closed', () => {
  // #region clock
  it('tries again', async () => {
    let isOpen = false;
    const take = async () => {
      if (!isOpen) throw new Error('the bank is closed');
    };
    await using harness = await startHarness(setup(take));
    await harness.publish(OrderPlaced, { order: 'o-1', sku: 'bell' });

    await harness.settled(); // nothing more happens at this time
    await expect(harness).toHaveFailed(OrderPlaced);
    await expect(harness).not.toHavePublished(PaymentTaken);

    isOpen = true;
    await harness.advance('1m'); // by then it has been tried again
    await expect(harness).toHavePublished(PaymentTaken, { order: 'o-1' });
  });

  it('gives up after ten attempts', async () => {
    await using harness = await startHarness(setup(() => Promise.reject(new Error('the bank is closed'))));
    await harness.publish(OrderPlaced, { order: 'o-1', sku: 'bell' });
    const letter = await harness.deadLettered(OrderPlaced, { order: 'o-1' }, { within: '15m' });
    expect(letter.attempts).toBe(10);
  });
  // #endregion

  it('says what happened instead', async () => {
    const closed = () => Promise.reject(new Error('the bank is closed'));
    await using harness = await startHarness({ ...setup(closed), patience: '50ms' });
    await harness.publish(OrderPlaced, { order: 'o-1', sku: 'bell' });
    const error = await harness.published(PaymentTaken, { order: 'o-1' }).catch((reason) => reason);
    expect(error.message.replace(/in \d+ms/, 'in 54s').replace(/in \d+s/, 'in 54s')).toBe(
      `
No payments.taken with {"order":"o-1"} was published.

What happened, the newest last:
  published   orders.placed {"order":"o-1","sku":"bell"} by test
  asked       pricing.quote {"sku":"bell"} by billing
  handled     pricing.quote {"sku":"bell"} by test
  failed      orders.placed {"order":"o-1","sku":"bell"} by billing: Error: the bank is closed
Still to come, when the clock is turned:
  in 54s: orders.placed {"order":"o-1","sku":"bell"}, attempt 2 of the group billing
Logged:
  warn: A handler of orders.placed threw. The event is tried again.
`.trim(),
    );
  });
});

const Reminder = defineEvent('orders.reminder', { schema: z.object({ order: z.string() }), guarantee: 'durable' });

class Mail {
  readonly sent: string[] = [];

  @Subscribe(Reminder)
  send({ order }: EventData<typeof Reminder>) {
    this.sent.push(order);
  }
}

// #region delay
it('reminds after a day, and not before', async () => {
  await using harness = await startHarness({ handlers: [Mail] });
  const mail = harness.container.get(Mail); // the handler that is called
  await harness.publish(Reminder, { order: 'o-1' }, { delay: '1d' });

  await harness.advance('23h');
  expect(mail.sent).toEqual([]);
  await harness.advance('1h');
  expect(mail.sent).toEqual(['o-1']);
});
// #endregion

class Pricing {
  @Respond(QuotePrice)
  quote() {
    return { cents: 1250 };
  }
}

// #region services
it('billing asks pricing, however many there are of each', async () => {
  await using harness = await startHarness({
    services: [
      {
        name: 'billing',
        handlers: [Billing],
        modules: [bank],
        overrides: [override(Bank, { take: async () => {} })],
        instances: 2,
      },
      { name: 'pricing', handlers: [Pricing], instances: 2 },
    ],
  });
  const orders = ['o-1', 'o-2', 'o-3'];
  await Promise.all(orders.map((order) => harness.publish(OrderPlaced, { order, sku: 'bell' })));
  for (const order of orders) await harness.published(PaymentTaken, { order, cents: 1250 });

  await harness.settled(); // nothing is in flight or queued
  expect(harness.services.map(({ name }) => name)).toEqual(['billing', 'billing', 'pricing', 'pricing']);
});
// #endregion

/** What an application's main file calls. */
const createBilling = (options: Partial<ServiceOptions> = {}) =>
  createService({ name: 'billing', handlers: [], ...options });

it('takes services that an application makes itself', async () => {
  // #region factory
  await using harness = await startHarness({ services: [(wiring) => createBilling(wiring)] });
  // #endregion
  expect(harness.service.name).toBe('billing');
  expect(harness.container.isBound(Billing)).toBe(false);
});
