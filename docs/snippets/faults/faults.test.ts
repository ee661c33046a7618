import { startProxy, uniqueNamespace } from '@belfry/testing';
import { createService } from 'belfry';
import { expect, it, onTestFinished, vi } from 'vitest';
import { PriceBoard, PriceChanged } from './prices.js';
import { watch } from './watch.js';

it('shows what was published while its connection was away, and tells of it', async () => {
  const proxy = await startProxy({ url: process.env.BELFRY_TEST_REDIS_URL as string });
  const lines: string[] = [];
  const log = (_fields: object, message: string) => void lines.push(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  const namespace = uniqueNamespace();
  const shop = createService({ name: 'shop', handlers: [PriceBoard], url: proxy.url, namespace, logger });
  const office = createService({
    name: 'office',
    handlers: [],
    url: process.env.BELFRY_TEST_REDIS_URL as string,
    namespace,
    logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
  });
  onTestFinished(async () => {
    await Promise.all([shop.stop(), office.stop()]);
    await proxy.stop();
  });
  await Promise.all([shop.start(), office.start()]);
  watch(shop.bus, shop.logger);
  const { prices } = shop.container.get(PriceBoard);

  await office.bus.publish(PriceChanged, { sku: 'bell', cents: 1 });
  await vi.waitFor(() => expect(prices.get('bell')).toBe(1));
  expect(shop.ready).toBe(true);

  await proxy.refuse();
  proxy.cut();
  await vi.waitFor(() => expect(shop.ready).toBe(false));
  for (let cents = 2; cents <= 100; cents++) await office.bus.publish(PriceChanged, { sku: 'bell', cents });
  await proxy.accept();
  await vi.waitFor(() => expect(prices.get('bell')).toBe(100));
  expect(shop.ready).toBe(true);
  // Told once all of it has been handed over.
  await vi.waitFor(() =>
    expect(shop.bus.subscriptions[0]?.stats).toMatchObject({ handled: 100, missed: 0, recovered: 99 }),
  );
  expect(lines).toEqual(expect.arrayContaining(['Redis is away', 'Redis is back', 'read again']));
});
