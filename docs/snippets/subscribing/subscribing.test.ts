import { type HarnessOptions, override, startHarness } from '@belfry/testing';
import { createBus, defineEvent, silentLogger } from 'belfry';
import { expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { follow } from './by-hand.js';
import { Labels, Prices, Radio, Tracking, Warehouse } from './handlers.js';
import { Announcements, OrderPlaced, OrderShipped, PriceChanged } from './messages.js';
import { durations, tenant, timing } from './middleware.js';
import { Audit, Carriers, carriers, Shipping, Transaction, transactions } from './scope.js';

const order = { orderId: 'o-1', sku: 'bell' };
const start = (options: Partial<HarnessOptions>) => startHarness({ name: 'warehouse', handlers: [], ...options });

it('handles an event once in each group, and everywhere when broadcast', async () => {
  await using harness = await start({ handlers: [Warehouse, Prices], instances: 3 });
  await harness.publish(OrderPlaced, order);
  await harness.publish(PriceChanged, { sku: 'bell', cents: 1250 });
  await harness.settled();
  const instances = harness.services.map(({ container }) => ({
    packed: container.get(Warehouse).packed.length,
    known: container.get(Prices).bySku.size,
    recorded: container.get(Prices).history.length,
  }));
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  expect(sum(instances.map(({ packed }) => packed))).toBe(1);
  expect(sum(instances.map(({ recorded }) => recorded))).toBe(1);
  expect(instances.map(({ known }) => known)).toEqual([1, 1, 1]);
});

it('handles several contracts, patterns and bare channels', async () => {
  await using harness = await start({ handlers: [Tracking, Radio] });
  await harness.publish(OrderPlaced, order);
  await harness.publish(OrderShipped, { orderId: 'o-1', carrier: 'the pigeon' });
  await harness.publish(Announcements, 'We close at six.');
  await harness.settled();
  expect(harness.container.get(Tracking).lines.sort()).toEqual(['o-1 is being packed', 'o-1 left with the pigeon']);
  expect(harness.container.get(Radio).heard.sort()).toEqual([
    'We close at six.',
    'orders.placed (version 1) of test: orderId,sku',
    'orders.shipped (version 1) of test: orderId,carrier',
  ]);
});

it('tries a durable event again, and gives up what can never succeed', async () => {
  await using harness = await start({ handlers: [Labels] });
  await harness.publish(OrderPlaced, order);
  await harness.publish(OrderPlaced, { ...order, orderId: '' });
  await harness.advance('1m');
  expect(harness.container.get(Labels).printed).toEqual(['o-1, in attempt 3']);
  expect(await harness.deadLettered(OrderPlaced)).toMatchObject({ attempts: 1, data: { orderId: '' } });
});

it('injects what a handler asks for, and makes some handlers anew for each message', async () => {
  await using harness = await start({
    handlers: [Shipping, Audit],
    modules: [carriers, transactions],
    overrides: [override(Carriers, { book: async (orderId) => `the owl of ${orderId}` })],
  });
  await harness.publish(OrderPlaced, order);
  await harness.publish(OrderPlaced, { ...order, orderId: 'o-2' });
  await harness.published(OrderShipped, { orderId: 'o-1', carrier: 'the owl of o-1' });
  await harness.settled();
  expect(Transaction.begun).toBeGreaterThanOrEqual(2);
  expect(new Set(Audit.lines.map((line) => line.split(' ').at(-1))).size).toBe(2);
});

it('goes through middleware', async () => {
  await using harness = await start({ handlers: [Warehouse], middleware: [timing] });
  await harness.publish(OrderPlaced, order);
  await harness.settled();
  expect(durations.get('orders.placed')).toBeGreaterThanOrEqual(0);
});

it('sends the tenant along, and refuses what has none', async () => {
  const url = 'memory:tenants';
  const [eu, nobody] = [[tenant('eu')], []].map((middleware) => createBus({ url, middleware, logger: silentLogger }));
  onTestFinished(async () => void (await Promise.all([eu?.close(), nobody?.close()])));
  const Seen = defineEvent('guests.seen', { schema: z.object({}) });
  const tenants: unknown[] = [];
  const { stats } = (await eu?.subscribe(Seen, (_data, { extensions }) => tenants.push(extensions.tenant)))!;
  await eu?.publish(Seen, {});
  await nobody?.publish(Seen, {});
  await vi.waitUntil(() => stats.handled === 1 && stats.failed === 1);
  expect(tenants).toEqual(['eu']);
});

it('subscribes by hand', async () => {
  const bus = createBus({ url: 'memory:by-hand', logger: silentLogger });
  onTestFinished(async () => void (await bus.close()));
  const told: string[] = [];
  const subscription = await follow(bus, (line) => told.push(line));
  await bus.publish(OrderShipped, { orderId: 'o-1', carrier: 'the pigeon' });
  await subscription.end();
  expect(told).toEqual(['following, as one of 1', 'o-1 by the pigeon']);
  expect(subscription.stats.handled).toBe(1);
});
