import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startRedis } from '@belfry/testing';
import { type Bus, createBus, silentLogger } from 'belfry';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Program } from '../../../examples/redis-pubsub/test/program.js';
import { PaymentTaken } from './contracts.js';
import { sell } from './shop.js';

/** Three processes, and a framework to load in each: on a busy machine that takes its time. */
const PATIENCE_MS = 60_000;
const root = fileURLToPath(new URL('../../..', import.meta.url));

// The names of Moleculer's channels cannot be told apart from those of another test, unless it says so: a Redis of our own.
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ fresh: true });
});
afterAll(() => redis?.stop());

function run(file: string): Program {
  const args = ['--conditions=@belfry/source', '--import', 'tsx', file];
  const env = {
    ...process.env,
    TSX_TSCONFIG_PATH: 'tsconfig.tests.json',
    BELFRY_URL: redis.url,
    REDIS_URL: redis.url,
    LOG_LEVEL: 'info',
  };
  const program = new Program(process.execPath, args, env, root);
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

function startBus(name: string): Bus {
  const bus = createBus({ name, url: redis.url, logger: silentLogger });
  onTestFinished(async () => void (await bus.close()));
  return bus;
}

it('does in Belfry what it did in Moleculer', async () => {
  const billing = run('docs/snippets/from-moleculer/main.ts');
  await billing.line('belfry billing: begins');
  await billing.line(/billing is ready/);
  expect(await sell(startBus('shop'))).toEqual({ cents: 1250 });
  await billing.line('belfry billing: takes 1250 cents for o-1');
  await billing.line('belfry billing: bell costs 1250');
});

// Moleculer is a dependency of bench/ alone: `npm run bench` installs it.
const variant = 'bench/variants/moleculer';
describe.skipIf(!existsSync(`${root}/${variant}/node_modules/moleculer`))(
  'with Moleculer itself',
  { timeout: 2 * PATIENCE_MS },
  () => {
    it('runs the Moleculer services of the page', async () => {
      const billing = run(`${variant}/billing.mjs`);
      const shop = run(`${variant}/shop.mjs`); // waits for billing
      await billing.line('moleculer billing: begins', PATIENCE_MS);
      await shop.line('moleculer shop: {"cents":1250}', PATIENCE_MS);
      await shop.line(/^moleculer shop: MoleculerClientError UNKNOWN_SKU$/);
      await billing.line('moleculer billing: takes 1250 cents for o-1');
      await billing.line('moleculer billing: bell costs 1250');
    });

    it('lets a Moleculer service talk with Belfry services, through the bridge', async () => {
      const payments: string[] = [];
      await startBus('statistics').subscribe(PaymentTaken, ({ orderId }) => payments.push(orderId));
      const billing = run('docs/snippets/from-moleculer/main.ts');
      const bridge = run(`${variant}/bridge.mjs`);
      await Promise.all([
        billing.line(/billing is ready/, PATIENCE_MS),
        bridge.line('the bridge is ready', PATIENCE_MS),
      ]);

      const shop = run(`${variant}/shop.mjs`);
      await shop.line('moleculer shop: {"cents":1250}', PATIENCE_MS);
      await shop.line(/^moleculer shop: MoleculerClientError UNKNOWN_SKU$/);
      await vi.waitUntil(() => payments.includes('o-1'), 10_000);
    });
  },
);
