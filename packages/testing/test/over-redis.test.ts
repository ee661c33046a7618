import { defineEvent, defineRequest, type EventData } from '@belfry/contracts';
import { type MessageContext, Publisher } from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { inject } from 'inversify';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Harness, startHarness } from '../src/index.js';

const url = process.env.BELFRY_TEST_REDIS_URL ?? '';
const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string() }) });
const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string() }), guarantee: 'durable' });
const Quote = defineRequest('pricing.quote', { input: z.object({}), output: z.int() });

class Billing {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(OrderPlaced)
  async charge({ order }: EventData<typeof OrderPlaced>) {
    await this.publisher.publish(PaymentTaken, { order });
  }

  @Subscribe(PaymentTaken, { retry: { attempts: 2, backoff: { delay: 20 } } })
  async book({ order }: EventData<typeof PaymentTaken>, { attempt, commit, channel }: MessageContext) {
    if (order === 'bad' || attempt === 1) throw new Error(`attempt ${attempt}`);
    await commit(['SADD', `{${channel}}:booked`, order]);
  }

  @Respond(Quote)
  quote() {
    return 5;
  }
}

const start = (patience: '5s' | '200ms' = '5s') => startHarness({ handlers: [Billing], instances: 2, url, patience });

describe('a harness over Redis', () => {
  it('tells the same as one in memory, and waits until all is done', async () => {
    await using harness = await start();
    await harness.publish(OrderPlaced, { order: 'o-1' });
    await harness.settled();
    expect(harness.facts.map(({ did, type }) => `${did} ${type}`).sort()).toEqual([
      'failed payments.taken',
      'handled orders.placed',
      'handled payments.taken',
      'published orders.placed',
      'published payments.taken',
    ]);
    expect(harness.commits).toEqual([[['SADD', expect.stringMatching(/^\{.*:payments\.taken\}:booked$/), 'o-1']]]);
    expect(await harness.request(Quote, {})).toBe(5);
    await harness.publish(PaymentTaken, { order: 'bad' });
    expect(await harness.deadLettered(PaymentTaken)).toMatchObject({ data: { order: 'bad' }, attempts: 2 });
    await harness.expectNone(OrderPlaced, { order: 'o-2' });
  });

  it('does not turn a clock', async () => {
    await using harness = await start();
    await expect(harness.advance('1s')).rejects.toThrow('over Redis time passes by itself');
  });

  it('does not see another one on the same server', async () => {
    const ordersOf = (harness: Harness) =>
      harness.facts.flatMap(({ did, data }) => (did === 'handled' ? [(data as { order: string }).order] : []));
    const suite = async (name: string) => {
      await using harness = await start();
      const orders = Array.from({ length: 20 }, (_, n) => `${name}-${n}`);
      await Promise.all(orders.map((order) => harness.publish(OrderPlaced, { order })));
      await harness.settled();
      expect(ordersOf(harness).sort()).toEqual([...orders, ...orders].sort()); // placed, and paid
    };
    await Promise.all([suite('one'), suite('other')]);
  });
});
