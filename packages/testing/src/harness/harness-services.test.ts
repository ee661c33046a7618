import { defineEvent, defineRequest, type EventData } from '@belfry/contracts';
import { type Middleware, Publisher, Requester } from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { createService } from '@belfry/runtime';
import { setTimeout } from 'node:timers/promises';
import { inject } from 'inversify';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fakeResponder } from '../doubles/fake-responder.js';
import type { ServiceFactory } from './harness.js';
import { startHarness } from './start-harness.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string() }) });
const OrderShipped = defineEvent('orders.shipped', { schema: z.object({ order: z.string() }) });
const Quote = defineRequest('pricing.quote', { input: z.object({ order: z.string() }), output: z.int() });

class Shop {
  shipped: string[] = [];

  @Subscribe(OrderShipped)
  ship({ order }: EventData<typeof OrderShipped>) {
    this.shipped.push(order);
  }
}

class Depot {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
  ) {}

  @Subscribe(OrderPlaced)
  async send({ order }: EventData<typeof OrderPlaced>) {
    if ((await this.requester.request(Quote, { order })) > 0) await this.publisher.publish(OrderShipped, { order });
  }
}

class Pricing {
  @Respond(Quote)
  quote() {
    return 5;
  }
}

describe('a harness of several services', () => {
  it('runs them together, each with its replicas', async () => {
    const services = [
      { name: 'depot', handlers: [Depot], instances: 2 },
      { name: 'pricing', handlers: [Pricing] },
    ];
    await using harness = await startHarness({ name: 'shop', handlers: [Shop], services });
    expect(harness.services.map(({ name }) => name)).toEqual(['shop', 'depot', 'depot', 'pricing']);
    for (const order of ['a', 'b', 'c', 'd']) await harness.publish(OrderPlaced, { order });
    await harness.settled();
    expect(harness.container.get(Shop).shipped).toEqual(['a', 'b', 'c', 'd']);
    const [, one, other] = harness.services;
    expect([one, other].map((service) => service!.bus.subscriptions[0]!.stats.handled)).toEqual([2, 2]);
    expect(await harness.asked(Quote, { order: 'd' })).toMatchObject({ by: 'depot' });
  });

  it('takes the service that an application makes itself', async () => {
    const seen: string[] = [];
    const own: Middleware = async (call, next) => {
      seen.push(call.side);
      return next();
    };
    const pricing: ServiceFactory = ({ middleware, ...wiring }) =>
      createService({ ...wiring, name: 'pricing', handlers: [Pricing], middleware: [...middleware, own] });
    await using harness = await startHarness({ services: [pricing] });
    expect(await harness.request(Quote, { order: 'a' })).toBe(5);
    expect(await harness.handled(Quote)).toMatchObject({ by: 'pricing', output: 5 });
    expect(seen).toEqual(['respond']);
  });

  it('lets doubles answer for what is not there, from the start or from now on', async () => {
    const quotes = fakeResponder(Quote, () => 0);
    await using harness = await startHarness({ handlers: [Depot], responders: [quotes] });
    await harness.publish(OrderPlaced, { order: 'a' });
    await harness.expectNone(OrderShipped);
    quotes.answer(() => 1);
    await harness.publish(OrderPlaced, { order: 'b' });
    await harness.published(OrderShipped, { order: 'b' });
    expect(quotes.asked).toEqual([{ order: 'a' }, { order: 'b' }]);
    const error = await harness.expectNone(OrderShipped).catch((reason) => reason);
    expect(error.message).toMatch(
      /^orders\.shipped was published, once:\n {2}published {3}orders\.shipped \{"order":"b"\}/,
    );
  });

  it('leaves nothing running when a service cannot start', async () => {
    const services = [{ name: 'other', handlers: [Pricing] }];
    const starting = startHarness({ name: 'pricing', handlers: [Pricing], services });
    await expect(starting).rejects.toMatchObject({ code: 'DUPLICATE_RESPONDER' });
  });
});

describe('what a handler waits for', () => {
  class Slow {
    constructor(@inject(Publisher) private readonly publisher: Publisher) {}

    @Subscribe(OrderPlaced)
    async wait({ order }: EventData<typeof OrderPlaced>) {
      if (order === 'never') return new Promise(() => {});
      await setTimeout(30); // as if a database had to be asked
      return this.publisher.publish(OrderShipped, { order });
    }
  }

  it('outside is waited for, and no time passes meanwhile', async () => {
    await using harness = await startHarness({ handlers: [Slow] });
    await harness.publish(OrderPlaced, { order: 'a' });
    await harness.settled();
    expect(harness.facts.map(({ did, type }) => `${did} ${type}`)).toContain('published orders.shipped');
    await harness.publish(OrderPlaced, { order: 'b' });
    const before = harness.now().getTime();
    await harness.advance('1m');
    const shipped = await harness.published(OrderShipped, { order: 'b' });
    expect(shipped.at.getTime()).toBe(before);
  });

  it('and never comes, is told; and does not hold the end up', async () => {
    await using harness = await startHarness({ handlers: [Slow], patience: '50ms' });
    await harness.publish(OrderPlaced, { order: 'never' });
    const error = await harness.settled().catch((reason) => reason);
    expect(error.message).toMatch(/^The services do not settle\./);
    expect(error.message).toContain('Being handled:\n  orders.placed {"order":"never"} by service, for 0ms');
  });
});
