import { fileURLToPath } from 'node:url';
import { startHarness, startProxy, uniqueNamespace } from '@belfry/testing';
import { createBus, type MessageContext, redisTransport, silentLogger, Subscribe } from 'belfry';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Program } from '../../../examples/redis-pubsub/test/program.js';
import { Announcements, InvoiceDue, OrderPlaced } from './messages.js';
import { announce, bill, handleHttp, placeAll, Shop, tryToPlace } from './shop.js';

const redisUrl = process.env.BELFRY_TEST_REDIS_URL as string;
const order = { orderId: 'o-1', customerId: 'ann' };
let count = 0;

function startBus(url = `memory:publishing-${count++}`, name = 'billing', namespace = uniqueNamespace()) {
  const bus = createBus({ name, url, namespace, logger: silentLogger });
  onTestFinished(async () => void (await bus.close()));
  return bus;
}

class Billing {
  readonly orders: string[] = [];

  @Subscribe(OrderPlaced)
  charge({ orderId }: OrderPlaced) {
    this.orders.push(orderId);
  }
}

it('says who received it', async () => {
  const warned: string[] = [];
  const warn = (_fields: object, message: string) => void warned.push(message);
  await using alone = await startHarness({ name: 'shop', handlers: [] });
  const logger = { ...silentLogger, warn };
  await new Shop(alone.service.bus, logger as never).place(order);
  expect(warned).toEqual(['nobody bills this order']);

  await using together = await startHarness({ name: 'billing', handlers: [Billing] });
  await new Shop(together.service.bus, logger as never).place(order);
  expect(warned).toHaveLength(1);
});

it('publishes a batch in order, and says which of it was refused', async () => {
  const bus = startBus();
  const got: string[] = [];
  await bus.subscribe(OrderPlaced, ({ orderId }) => got.push(orderId));
  const bad = { orderId: 'o-2' } as typeof order;
  const refused = await placeAll(bus, [order, bad, { ...order, orderId: 'o-3' }]);
  expect(refused).toEqual([bad]);
  await vi.waitUntil(() => got.length === 2);
  expect(got).toEqual(['o-1', 'o-3']);
});

it('tells outcomes apart', async () => {
  await using proxy = await startProxy({ url: redisUrl });
  const transport = redisTransport({ url: proxy.url, patience: '300ms' });
  await using bus = createBus({ transport, namespace: uniqueNamespace(), logger: silentLogger });
  expect(await tryToPlace(bus, order)).toBe('published');
  expect(await tryToPlace(bus, { orderId: 'o-1' } as typeof order)).toBe('never');
  proxy.cutAfterRequest('o-unconfirmed'); // Redis has it, and the answer is lost
  const perhaps = tryToPlace(bus, { ...order, orderId: 'o-unconfirmed' });
  expect(await perhaps).toBe('perhaps');
  await proxy.refuse();
  expect(await tryToPlace(bus, order)).toBe('not now');
});

it('publishes later, and once', async () => {
  const bus = startBus();
  const { due, duplicate } = await bill(bus, 'o-1');
  expect((due?.getTime() ?? 0) - Date.now()).toBeGreaterThan(13 * 24 * 3600 * 1000);
  expect(duplicate).toBe(true);
  expect(await bus.cancel(InvoiceDue, 'invoice-o-1')).toBe(true);
});

it('takes the flow of an HTTP request along', async () => {
  const bus = startBus();
  const contexts: MessageContext[] = [];
  await bus.subscribe(OrderPlaced, async (_order, context) => {
    contexts.push(context);
    await bus.publish(Announcements, 'an order');
  });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  await handleHttp(bus, { 'x-request-id': 'r-7', traceparent }, order);
  await vi.waitUntil(() => contexts.length === 1);
  expect(contexts[0]).toMatchObject({ correlationId: 'r-7', traceparent, extensions: { channel: 'web' } });
});

it('says a text on a bare channel', async () => {
  const listener = new Redis(redisUrl);
  onTestFinished(() => listener.disconnect());
  const heard: string[] = [];
  listener.on('message', (_channel, text) => heard.push(text));
  await listener.subscribe('announcements');
  await announce(startBus(redisUrl), 'We close at six.');
  await vi.waitUntil(() => heard.includes('We close at six.'));
});

it('publishes from a script, when somebody is there', async () => {
  const namespace = uniqueNamespace();
  const args = ['--conditions=@belfry/source', '--import', 'tsx', 'docs/snippets/publishing/script.ts'];
  const env = {
    ...process.env,
    TSX_TSCONFIG_PATH: 'tsconfig.tests.json',
    BELFRY_URL: redisUrl,
    BELFRY_NAMESPACE: namespace,
  };
  await using script = new Program(process.execPath, args, env, fileURLToPath(new URL('../../..', import.meta.url)));
  const got: string[] = [];
  await startBus(redisUrl, 'billing', namespace).subscribe(OrderPlaced, ({ orderId }) => got.push(orderId));
  await script.end();
  await vi.waitUntil(() => got.length === 1);
});
