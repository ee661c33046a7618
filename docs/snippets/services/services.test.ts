import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { startHarness } from '@belfry/testing';
import { silentLogger } from 'belfry';
import { expect, it, onTestFinished } from 'vitest';
import { serviceOptionNames } from '../../../packages/runtime/src/service-options.js';
import { archive, Clerk, steps } from './archive.js';
import { OrderPlaced } from './messages.js';
import { startShop } from './web.js';

it('opens what handlers need before they are subscribed, and closes it after the last of them', async () => {
  const harness = await startHarness({ name: 'clerk', handlers: [Clerk], modules: [archive] });
  await harness.publish(OrderPlaced, { orderId: 'o-1', cents: 1250 });
  await harness.handled(OrderPlaced);
  await harness[Symbol.asyncDispose]();
  expect(steps).toEqual(['archive: open', 'archive: keeps o-1', 'archive: closed']);
});

it('serves HTTP and publishes, and lets HTTP end first', async () => {
  const correlationIds: string[] = [];
  const shop = await startShop({
    port: 0,
    url: 'memory:services',
    logger: silentLogger,
    middleware: [
      (call, next) => {
        if (call.side === 'handle') correlationIds.push(call.context.correlationId);
        return next();
      },
    ],
    handlers: [Clerk],
    modules: [archive],
  });
  onTestFinished(shop.stop);
  const post = (body: string) =>
    fetch(`http://localhost:${shop.address.port}`, { method: 'POST', body, headers: { 'x-request-id': 'web-1' } });
  expect((await post('{"orderId":"o-2","cents":480}')).status).toBe(202);
  expect((await post('{"orderId":"o-3","cents":-1}')).status).toBe(400);
  expect((await post('{"orderId":7,"cents":480}')).status).toBe(400);
  expect((await post('what?')).status).toBe(400);
  await expect.poll(() => correlationIds).toEqual(['web-1']);

  const late = request({ port: shop.address.port, method: 'POST', agent: false, headers: { expect: '100-continue' } });
  late.flushHeaders();
  await once(late, 'continue'); // it has arrived
  const stopping = shop.stop();
  late.end('{"orderId":"o-4","cents":480}');
  const [answer] = (await once(late, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(202);
  answer.resume();
  await stopping;
});

it('lists every option of a service', () => {
  const [, table = ''] = /^## Options$([\s\S]*)/m.exec(readFileSync('docs/services.md', 'utf8')) ?? [];
  const listed = Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name);
  expect(listed.sort()).toEqual([...serviceOptionNames].sort());
});
