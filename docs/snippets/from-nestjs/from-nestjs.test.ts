import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startRedis } from '@belfry/testing';
import { createBus, createService, silentLogger } from 'belfry';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Program } from '../../../examples/redis-pubsub/test/program.js';
import { Billing } from './billing.js';
import { Bridge } from './bridge.js';
import { OrderPlaced, PaymentTaken } from './contracts.js';
import { sell } from './shop.js';

/** Two processes, and a framework to load in each: on a busy machine that takes its time. */
const PATIENCE_MS = 60_000;
const root = fileURLToPath(new URL('../../..', import.meta.url));

// Nest's channels have the names of its patterns: nobody else may say them on this Redis.
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ fresh: true });
});
afterAll(() => redis?.stop());

async function start(name: string, handlers: NonNullable<Parameters<typeof createService>[0]['handlers']>) {
  const service = createService({ name, handlers, url: redis.url, logger: silentLogger });
  onTestFinished(async () => void (await service.stop()));
  await service.start();
  return service;
}

function startBus(name: string) {
  const bus = createBus({ name, url: redis.url, logger: silentLogger });
  onTestFinished(async () => void (await bus.close()));
  return bus;
}

it('does in Belfry what it did in Nest', async () => {
  await start('billing', [Billing]);
  const payments: string[] = [];
  const shop = startBus('shop');
  await shop.subscribe(PaymentTaken, ({ orderId }) => payments.push(orderId));
  expect(await sell(shop)).toEqual({ cents: 1250 });
  await vi.waitUntil(() => payments.length === 1);
});

it('hears and speaks what Nest writes on its channels, and handles an order once although there are two bridges', async () => {
  const [raw, listener] = [new Redis(redis.url), new Redis(redis.url)];
  onTestFinished(() => {
    for (const client of [raw, listener]) client.disconnect();
  });
  const heard: string[] = [];
  listener.on('message', (channel, text) => heard.push(`${channel} ${text}`));
  await listener.subscribe('payments.taken', 'pricing.quote.reply');
  const orders: string[] = [];
  await startBus('statistics').subscribe(OrderPlaced, ({ orderId }) => orders.push(orderId), { from: 'now' });
  await Promise.all([start('billing', [Billing]), start('bridge', [Bridge]), start('bridge', [Bridge])]);

  const received = await raw.publish('orders.placed', '{"pattern":"orders.placed","data":{"orderId":"o-2","cents":5}}');
  expect(received).toBe(2);
  await vi.waitUntil(() => heard.length === 1);
  expect(heard).toEqual(['payments.taken {"pattern":"payments.taken","data":{"orderId":"o-2"}}']);
  expect(orders).toEqual(['o-2']);

  for (const [id, sku] of ['bell', 'moon'].entries())
    await raw.publish('pricing.quote', JSON.stringify({ id: `${id}`, pattern: 'pricing.quote', data: { sku } }));
  await vi.waitUntil(() => heard.length === 5); // two bridges: Nest's client takes the first answer
  expect(new Set(heard.slice(1))).toEqual(
    new Set([
      'pricing.quote.reply {"id":"0","response":{"cents":1250},"isDisposed":true}',
      'pricing.quote.reply {"id":"1","err":{"status":"error","message":"UNKNOWN_SKU"},"isDisposed":true}',
    ]),
  );
});

// NestJS is a dependency of bench/ alone: `npm run bench` installs it.
describe.skipIf(!existsSync(`${root}/bench/node_modules/@nestjs`))(
  'with NestJS itself',
  { timeout: 2 * PATIENCE_MS },
  () => {
    function run(file: string): Program {
      const args = ['--conditions=@belfry/source', '--import', 'tsx', `bench/variants/nestjs/${file}`];
      const env = { ...process.env, TSX_TSCONFIG_PATH: 'bench/variants/nestjs/tsconfig.json', REDIS_URL: redis.url };
      const program = new Program(process.execPath, args, env, root);
      onTestFinished(() => program[Symbol.asyncDispose]());
      return program;
    }

    it('runs the Nest services of the page, each of whose replicas handles every event', async () => {
      const replicas = [run('billing.ts'), run('billing.ts')];
      for (const billing of replicas) await billing.line('nest billing is ready', PATIENCE_MS);
      const shop = run('shop.ts');
      await shop.line('nest shop: {"cents":1250}', PATIENCE_MS);
      await shop.line('nest shop: {"status":"error","message":"UNKNOWN_SKU"}');
      for (const billing of replicas) await billing.line('nest billing: takes 1250 cents for o-1');
    });

    it('gives a Nest client its answers, and a Belfry service what Nest emits', async () => {
      const payments: string[] = [];
      await startBus('statistics').subscribe(PaymentTaken, ({ orderId }) => payments.push(orderId));
      await Promise.all([start('billing', [Billing]), start('bridge', [Bridge])]);
      const shop = run('shop.ts');
      await shop.line('nest shop: {"cents":1250}', PATIENCE_MS);
      await shop.line('nest shop: {"status":"error","message":"UNKNOWN_SKU"}');
      await vi.waitUntil(() => payments.includes('o-1'), 10_000);
    });

    it('runs the bus within a Nest application', async () => {
      const billing = run('within.ts');
      await billing.line('nest with belfry is ready', PATIENCE_MS);
      await startBus('shop').publish(OrderPlaced, { orderId: 'o-9', cents: 7 });
      await billing.line('nest with belfry: takes 7 cents for o-9');
    });
  },
);
