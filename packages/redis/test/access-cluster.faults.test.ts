import { defineEvent, defineRequest } from '@belfry/contracts';
import {
  createBus,
  silentLogger,
  type Usage,
  usageOfEmitting,
  usageOfResponding,
  usageOfSubscribing,
} from '@belfry/core';
import { startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { accessRules, redisTransport } from '../src/index.js';
import { broadcastChannel } from '../src/names.js';

const schema = z.object({ n: z.number() });
const Kept = defineEvent('orders.kept', { schema, recover: {} });
const Paid = defineEvent('orders.paid', { schema, guarantee: 'durable' });
const Quote = defineRequest('pricing.quote', { input: schema, output: schema });

it('with the generated rights on every node a service works on a Cluster, and a node that lacks them is named', {
  timeout: 60_000,
}, async () => {
  await using cluster = await startRedis({ cluster: true });
  const nodes = cluster.nodes.map(({ port }) => new Redis({ port, protocol: 2 }));
  onTestFinished(() => nodes.forEach((node) => void node.disconnect()));
  const emitter = { name: 'emitter', namespace: 'shop' };
  const handler = { name: 'handler', namespace: 'shop' };
  const emits = [Kept, Paid, Quote];
  const handles = [
    usageOfSubscribing(Kept, undefined, handler),
    usageOfSubscribing(Kept, 'handler', handler),
    usageOfSubscribing(Paid, 'handler', handler),
    usageOfResponding(Quote, handler),
  ];
  const allow = async (user: string, usages: readonly Usage[]) => {
    const { rules } = accessRules({ user, usages, password: 'p', cluster: true });
    await Promise.all(nodes.map((node) => node.acl('SETUSER', user, ...rules)));
  };
  await allow(
    'emitter',
    emits.map((contract) => usageOfEmitting(contract, emitter)),
  );
  await allow('handler', handles);
  const busOf = (name: string, more = {}) => {
    const at = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`);
    const transport = redisTransport({ cluster: { nodes: at }, redis: { username: name, password: 'p' } });
    const bus = createBus({ name, namespace: 'shop', logger: silentLogger, transport, ...more });
    onTestFinished(async () => void (await bus.close({ timeout: 100 })));
    return bus;
  };
  const [publisher, subscriber] = [busOf('emitter', { emits }), busOf('handler')];
  await publisher.open();
  await subscriber.open(handles);
  const got: number[] = [];
  const note = ({ n }: { n: number }) => void got.push(n);
  await subscriber.subscribe(Kept, note, { broadcast: true });
  await subscriber.subscribe(Kept, note);
  await subscriber.subscribe(Paid, note);
  await subscriber.respond(Quote, ({ n }) => ({ n: n + 1 }));
  await publisher.ready(Quote);
  expect(await publisher.request(Quote, { n: 1 })).toEqual({ n: 2 });
  await Promise.all([1, 2].map((n) => publisher.publish(Kept, { n })));
  await publisher.publish(Paid, { n: 3 });
  await publisher.publish(Paid, { n: 4 }, { delay: 200 });
  await vi.waitUntil(() => got.length === 6, { timeout: 10_000 });
  expect([...got].sort()).toEqual([1, 1, 2, 2, 3, 4]);

  // Each on the node that serves the channel: the others would only say where it is.
  const all = broadcastChannel('shop:orders.kept');
  const port = async () => {
    const slot = Number(await nodes[0]!.cluster('KEYSLOT', all));
    const ranges = await nodes[0]!.cluster('SLOTS');
    return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1];
  };
  const at = { port: Number(await port()), password: 'p', protocol: 2, disableClientInfo: true } as const;
  const [asEmitter, asHandler] = ['emitter', 'handler'].map((username) => new Redis({ ...at, username }));
  await expect(asEmitter!.ssubscribe(all)).rejects.toThrow('NOPERM');
  await expect(asHandler!.spublish(all, '{}')).rejects.toThrow('NOPERM');
  for (const client of [asEmitter, asHandler]) client!.disconnect();

  const serving = nodes.find(({ options }) => options.port === at.port)!;
  await serving.acl('SETUSER', 'handler', 'clearselectors');
  await expect(busOf('handler').open(handles)).rejects.toMatchObject({
    code: 'RIGHTS_MISSING',
    message: expect.stringContaining(`the user handler of Redis at 127.0.0.1:${at.port} lacks`),
  });
});

it('starts while a node is away that it does not need, and what it needs there waits', {
  timeout: 60_000,
}, async () => {
  await using cluster = await startRedis({ cluster: true, config: { 'cluster-require-full-coverage': 'no' } });
  const [first, second] = cluster.nodes;
  const admin = new Redis({ port: second!.port, protocol: 2 });
  onTestFinished(() => admin.disconnect());
  // Its replica first, so that nobody takes over.
  for (const away of [cluster.nodes[3]!, first!]) await away.kill();
  await vi.waitUntil(
    async () => / master,fail | slave,fail .* master,fail /s.test(String(await admin.cluster('NODES'))),
    { timeout: 20_000 },
  );
  const transport = redisTransport({ cluster: { nodes: [`127.0.0.1:${second!.port}`] }, patience: 500 });
  const bus = createBus({ name: 'app', namespace: 'shop', logger: silentLogger, transport });
  onTestFinished(async () => void (await bus.close({ timeout: 100 })));
  const ranges = await admin.cluster('SLOTS');
  const isAway = async (event: string) => {
    const slot = Number(await admin.cluster('KEYSLOT', `shop:${event}`));
    return ranges.find(([from, to]) => from <= slot && slot <= to)?.[2]?.[1] === first!.port;
  };
  const names = Array.from({ length: 50 }, (_, n) => `event${n}.here`);
  const where = await Promise.all(names.map(isAway));
  const [here, there] = [names[where.indexOf(false)]!, names[where.indexOf(true)]!].map((name) =>
    defineEvent(name, { schema }),
  );
  await bus.open([usageOfEmitting(here!, { name: 'app', namespace: 'shop' })]);
  expect(await bus.publish(here!, { n: 1 })).toMatchObject({ broadcast: 0 });
  await expect(bus.publish(there!, { n: 1 })).rejects.toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
});
