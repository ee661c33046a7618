import { fileURLToPath } from 'node:url';
import { uniqueNamespace } from '@belfry/testing';
import { createService, silentLogger } from 'belfry';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Program } from '../../../examples/redis-pubsub/test/program.js';
import { OrderPlaced } from './durable-contracts.js';

const url = process.env.BELFRY_TEST_REDIS_URL as string;
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs a file as the page says: by tsx, over Redis. */
function run(file: string, namespace: string): Program {
  const args = ['--conditions=@belfry/source', '--import', 'tsx', `docs/snippets/start/${file}`];
  const env = {
    ...process.env,
    TSX_TSCONFIG_PATH: 'tsconfig.tests.json',
    BELFRY_URL: url,
    BELFRY_NAMESPACE: namespace,
    LOG_LEVEL: 'info',
  };
  const program = new Program(process.execPath, args, env, root);
  onTestFinished(() => program[Symbol.asyncDispose]());
  return program;
}

it('runs two services, a replica of one, and somebody who listens from outside', { timeout: 90_000 }, async () => {
  const namespace = uniqueNamespace();
  const redis = new Redis(url);
  onTestFinished(() => redis.disconnect());
  const heard: string[] = [];
  redis.on('message', (_channel, text) => heard.push(text));
  await redis.subscribe(`${namespace}:payments.taken`);

  const billing = run('billing.ts', namespace);
  await billing.line(/billing is ready/, 60_000);
  const shop = run('shop.ts', namespace);
  await shop.line(/shop: sells order 1, received by \{ billing: 1 \}/, 60_000);
  await billing.line(/billing: takes 1250 cents for order 1/);
  await shop.line(/shop: ships order 1/);
  await vi.waitUntil(() => heard.length > 0);
  expect(JSON.parse(heard[0] ?? '')).toMatchObject({ type: 'payments.taken', data: { order: 'order 1' } });

  const replica = run('billing.ts', namespace);
  await replica.line(/billing: takes 1250 cents for order/, 60_000); // they take turns
  const taken = [billing, replica].map(({ lines }) => lines.filter((line) => line.includes('takes')));
  expect(new Set(taken.flat()).size).toBe(taken.flat().length);

  await Promise.all([billing, replica].map((program) => program[Symbol.asyncDispose]()));
  await shop.line(/received by \{ billing: 0 \}/); // and so it is lost
});

it('keeps a durable order until billing is there', async () => {
  const namespace = uniqueNamespace();
  const make = (name: string) => {
    const service = createService({ name, url, namespace, logger: silentLogger });
    onTestFinished(async () => void (await service.stop()));
    return service;
  };
  await make('shop').bus.publish(OrderPlaced, { order: 'order 1', cents: 1250 });

  const taken: string[] = [];
  await make('billing').bus.subscribe(OrderPlaced, ({ order }) => void taken.push(order));
  await vi.waitUntil(() => taken.length > 0);
  expect(taken).toEqual(['order 1']);
});
