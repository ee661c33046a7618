import { defineEvent, defineRequest, type EventData } from '@belfry/contracts';
import { Publisher } from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { type RedisServer, startRedis } from '@belfry/testing';
import { inject } from 'inversify';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { accessRules, createService, type ServiceOptions } from './index.js';

const schema = z.object({ n: z.number() });
const OrderPlaced = defineEvent('orders.placed', { schema, guarantee: 'durable' });
const PaymentTaken = defineEvent('payments.taken', { schema });
const QuotePrice = defineRequest('pricing.quote', { input: schema, output: schema });

class Billing {
  constructor(@inject(Publisher) private readonly publisher: Publisher) {}

  @Subscribe(OrderPlaced)
  async charge({ n }: EventData<typeof OrderPlaced>) {
    await this.publisher.publish(PaymentTaken, { n });
  }

  @Respond(QuotePrice)
  quote({ n }: { n: number }) {
    return { n };
  }
}

class Ledger {
  readonly booked: number[] = [];

  @Subscribe(PaymentTaken, { broadcast: true })
  book({ n }: EventData<typeof PaymentTaken>) {
    this.booked.push(n);
  }
}

const billing = { name: 'billing', namespace: 'shop', handlers: [Billing], emits: [PaymentTaken] };
const ledger = { name: 'ledger', namespace: 'shop', handlers: [Ledger] };
const shop = { name: 'shop', namespace: 'shop', emits: [OrderPlaced, QuotePrice] };

let redis: RedisServer;
let admin: Redis;
beforeAll(async () => {
  redis = await startRedis({ fresh: true });
  admin = new Redis(redis.url);
});
afterAll(async () => {
  admin.disconnect();
  await redis.stop();
});

const allow = async (options: Parameters<typeof accessRules>[0]) => {
  const { user, rules } = accessRules({ ...options, password: 'p' });
  await admin.acl('SETUSER', user, ...rules);
};

function start(options: ServiceOptions) {
  const url = redis.url.replace('//', `//${options.name}:p@`);
  const service = createService({ ...options, url, env: { LOG_LEVEL: 'silent' } });
  onTestFinished(async () => void (await service.stop()));
  return service;
}

describe('the rights of a service', () => {
  it('are enough for what it handles and emits', async () => {
    for (const options of [billing, ledger, shop]) await allow(options);
    const [bills, books, shops] = [start(billing), start(ledger), start(shop)];
    await Promise.all([bills, books, shops].map((service) => service.start()));
    await shops.bus.publish(OrderPlaced, { n: 7 });
    const { booked } = books.container.get(Ledger);
    await vi.waitUntil(() => booked.length === 1);
    expect(await shops.bus.request(QuotePrice, { n: 8 })).toEqual({ n: 8 });
    await expect(shops.bus.publish(PaymentTaken, { n: 1 })).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
    await expect(books.bus.subscribe(OrderPlaced, () => {})).rejects.toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
  });

  it('are asked for at the start: the first that handles and emits more than it may does not start', async () => {
    await allow({ ...billing, emits: [] });
    const service = start(billing);
    const failure = service.start();
    await expect(failure).rejects.toMatchObject({
      code: 'RIGHTS_MISSING',
      message: expect.stringMatching(
        /the user billing of Redis at .* lacks rights that billing needs:\n- .*to publish shop:payments\.taken/,
      ),
      hint: expect.stringContaining('ACL SETUSER billing '),
    });
    expect(service.status).toBe('stopped');
    await allow({ ...shop, emits: [] });
    await expect(start(shop).start()).rejects.toMatchObject({ code: 'RIGHTS_MISSING' });
  });

  it('are those of the namespace, the user and the database that are given', () => {
    const { user, command } = accessRules({ ...ledger, namespace: 'test', user: 'books', database: 2 });
    expect(user).toBe('books');
    expect(command).toMatch(/^ACL SETUSER books on .*\+select\|2.*&belfry:\{test:payments\.taken\}:all/);
    expect(command).not.toContain('shop');
  });

  it('to look after a log belong to nobody who does not ask for them', () => {
    expect(accessRules(billing).command).not.toMatch(/xdel|xgroup\|destroy/);
    expect(accessRules({ name: 'ops', operates: [OrderPlaced] }).command).toMatch(/xdel.*|xgroup\|destroy/);
  });
});
