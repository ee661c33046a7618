import { type BelfryError, createBus, createService, defineEvent, silentLogger } from 'belfry';
import { expect, it, onTestFinished, vi } from 'vitest';
import { WithArktype, WithValibot, WithZod } from './libraries.js';
import { Announcements, OrderPlaced, OrderPlacedV2, OrderShipped, PriceChanged, Temperatures } from './orders.js';
import { Shop, Statistics } from './versions.js';

let count = 0;
function busInMemory() {
  const bus = createBus({ url: `memory:contracts-${count++}`, logger: silentLogger });
  onTestFinished(async () => void (await bus.close()));
  return bus;
}

it("gives handlers the schema's output", async () => {
  const bus = busInMemory();
  const got: unknown[] = [];
  await bus.subscribe(OrderPlaced, (order) => got.push(order));
  await bus.subscribe(OrderShipped, ({ shippedAt }) => got.push(shippedAt));
  await bus.publish(OrderPlaced, { orderId: 'o-1', customerId: 'ann' });
  await bus.publish(OrderShipped, { orderId: 'o-1', shippedAt: '2026-01-02T03:04:05Z' });
  await vi.waitUntil(() => got.length === 2);
  expect(got).toContainEqual({ orderId: 'o-1', customerId: 'ann', pieces: 1 });
  expect(got).toContainEqual(new Date('2026-01-02T03:04:05Z'));
});

it.each([
  ['zod', WithZod],
  ['valibot', WithValibot],
  ['arktype', WithArktype],
])('takes schemas of %s', async (_name, contract) => {
  const bus = busInMemory();
  const got: unknown[] = [];
  await bus.subscribe(contract, (data) => got.push(data));
  await bus.publish(contract, { seat: '12A' });
  await vi.waitUntil(() => got.length === 1);
  expect(got).toEqual([{ seat: '12A' }]);
  const refused = await bus.publish(contract, { seat: 12 } as never).catch((error: BelfryError) => error);
  expect(refused).toMatchObject({ code: 'PAYLOAD_INVALID', issues: [{ path: 'seat' }] });
});

it('tells every mistake in a contract at once', () => {
  const define = () => defineEvent('Orders.Placed', { schema: WithZod.schema, version: 0, retries: 3 } as never);
  expect(define).toThrow(
    expect.objectContaining({
      code: 'CONTRACT_INVALID',
      message: expect.stringMatching(
        /cannot be defined: "retries" is no option .*its name must be dotted lower case.*version must be a whole/,
      ),
    }),
  );
});

it('publishes and handles two versions side by side', async () => {
  const url = `memory:contracts-${count++}`;
  const service = createService({ name: 'shop', url, handlers: [Statistics], logger: silentLogger });
  onTestFinished(async () => void (await service.stop()));
  service.container.bind(Shop).toSelf();
  await service.start();
  await service.container.get(Shop).place({ orderId: 'o-1', customer: { id: 'ann', country: 'PT' }, pieces: 2 });
  const { seen } = service.container.get(Statistics);
  await vi.waitUntil(() => seen.length === 2);
  expect(seen.sort()).toEqual(['o-1: 2, by version 1', 'o-1: 2, by version 2']);
});

it('has contracts that are frozen values', () => {
  expect(OrderPlacedV2).toMatchObject({
    kind: 'event',
    name: 'orders.placed',
    version: 2,
    channel: 'orders.placed.v2',
  });
  expect(Object.isFrozen(OrderPlacedV2)).toBe(true);
  expect(PriceChanged.recovery).toEqual({ age: 600_000, count: 5000 });
});

it('carries text and JSON on bare channels', async () => {
  const bus = busInMemory();
  const got: unknown[] = [];
  await bus.subscribe(Announcements, (text) => got.push(text));
  await bus.subscribe(Temperatures, ({ celsius }) => got.push(celsius));
  await bus.publish(Announcements, 'We close at six.');
  await bus.publish(Temperatures, { room: 'attic', celsius: 31.5 });
  await vi.waitUntil(() => got.length === 2);
  expect(got).toEqual(expect.arrayContaining(['We close at six.', 31.5]));
});
