import { defineEvent, type EventData } from '@belfry/contracts';
import { Publisher } from '@belfry/core';
import { Subscribe } from '@belfry/handlers';
import { inject } from 'inversify';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fakePublisher } from '../doubles/fake-publisher.js';
import { startHarness } from '../harness/start-harness.js';
import './index.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string(), cents: z.int() }) });
const PaymentTaken = defineEvent('payments.taken', {
  schema: z.object({ order: z.string(), method: z.object({ kind: z.string(), last: z.int() }) }),
  guarantee: 'durable',
});

class Billing {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(OrderPlaced)
  async charge({ order, cents }: EventData<typeof OrderPlaced>) {
    if (cents < 0) throw new Error('less than nothing');
    await this.publisher.publish(PaymentTaken, { order, method: { kind: 'card', last: 4 } }, { delay: '1m' });
  }
}

const errorOf = (work: Promise<unknown>) => work.then(() => undefined).catch((error) => error);

describe('matchers', () => {
  it('wait for what a harness tells', async () => {
    await using harness = await startHarness({ handlers: [Billing] });
    await harness.publish(OrderPlaced, { order: 'o-1', cents: 1 });
    await expect(harness).toHavePublished(PaymentTaken, { order: expect.stringMatching('o-'), method: { last: 4 } });
    await expect(harness).toHaveHandled(OrderPlaced, ({ cents }) => cents === 1);
    await expect(harness).not.toHaveFailed(OrderPlaced);
    await harness.publish(OrderPlaced, { order: 'o-2', cents: -1 });
    await expect(harness).toHaveFailed(OrderPlaced, { cents: -1 });
    await expect(harness).not.toHavePublished(PaymentTaken, { order: 'o-2' });
    await expect(harness).not.toHaveDeadLettered(PaymentTaken);
  });

  it('show what differs, and nothing else', async () => {
    await using harness = await startHarness({ handlers: [Billing], patience: '20ms' });
    await harness.publish(OrderPlaced, { order: 'o-1', cents: 1 });
    const error = await errorOf(expect(harness).toHavePublished(PaymentTaken, { method: { last: 5 } }));
    expect(error.message).toMatch(/^No payments\.taken with \{"method":\{"last":5\}\} was published\./);
    expect(error.message).toContain('in 1m: payments.taken {"order":"o-1"');
    expect(error).toMatchObject({ actual: { method: { last: 4 } }, expected: { method: { last: 5 } } });
    const surplus = await errorOf(expect(harness).not.toHavePublished(PaymentTaken));
    expect(surplus.message).toMatch(/^It should not have happened, and did:\n {2}published {3}payments\.taken/);
  });

  it('look at a fake publisher', async () => {
    const publisher = fakePublisher();
    await new Billing(publisher).charge({ order: 'o-1', cents: 1 });
    await expect(publisher).toHavePublished(PaymentTaken, { order: 'o-1' });
    await expect(publisher).not.toHavePublished(OrderPlaced);
    const error = await errorOf(expect(publisher).toHavePublished(PaymentTaken, { order: 'o-2' }));
    expect(error).toMatchObject({ actual: { order: 'o-1' }, expected: { order: 'o-2' } });
  });
});
