import { startHarness } from '@belfry/testing';
import '@belfry/testing/vitest';
import { beforeEach, expect, it, vi } from 'vitest';
import { MyChannel, OrderPlaced, OrderShipped } from './contracts.js';
import { Letters, Shop } from './service.js';

const print = vi.spyOn(console, 'log');
beforeEach(() => void print.mockReset().mockImplementation(() => {}));

it('takes an order that somebody writes on the bare channel', async () => {
  await using harness = await startHarness({ name: 'shop', handlers: [Shop, Letters] });
  await harness.publish(MyChannel, 'carol orders o-1');
  await expect(harness).toHavePublished(OrderPlaced, { orderId: 'o-1', customerId: 'carol' });
  await expect(harness).toHavePublished(MyChannel, 'Thank you, carol! We have your order o-1.');
});

it('takes nothing else for an order', async () => {
  await using harness = await startHarness({ name: 'shop', handlers: [Shop, Letters] });
  await harness.publish(MyChannel, 'Hello, world!');
  await harness.expectNone(OrderPlaced);
  expect(print.mock.calls).toEqual([['mychannel: Hello, world!']]);
});

it('writes a letter for what is shipped', async () => {
  await using harness = await startHarness({ name: 'shop', handlers: [Shop, Letters] });
  await harness.publish(OrderShipped, { orderId: 'o-1', customerId: 'carol' }, { id: 'shipped-o-1' });
  await harness.handled(OrderShipped);
  expect(print.mock.calls).toEqual([['orders.shipped: o-1 to carol, as shipped-o-1 says']]);
});
