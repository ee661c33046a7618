// Measures how soon buses are themselves again after a fault, with the defaults: the table "Faults and what happens" of the docs.
//   node --conditions=@belfry/source --import tsx bench/recovery-times.mjs [runs]
import { setTimeout as sleep } from 'node:timers/promises';
import { defineEvent } from '@belfry/contracts';
import { createBus } from '@belfry/core';
import { redisTransport } from '@belfry/redis';
import { startProxy, startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { z } from 'zod';

const RUNS = Number(process.argv[2] ?? 3);
const schema = z.object({ n: z.number() });
const Placed = defineEvent('orders.placed', { schema });
const Kept = defineEvent('orders.kept', { schema, recover: {} });
const Paid = defineEvent('orders.paid', { schema, guarantee: 'durable' });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const startBus = (name, url) => createBus({ name, logger: silent, transport: redisTransport({ url }) });
const until = async (fact) => {
  while (!(await fact())) await sleep(2);
};
const told = (bus, event) => new Promise((resolve) => void bus.on(event, () => resolve(performance.now())));

/** A Redis, a member of a group and of a broadcast behind a proxy, another member beside it, and a publisher. */
async function startWorld() {
  const redis = await startRedis({ config: { appendonly: 'yes' } });
  const proxy = await startProxy({ url: redis.url });
  const admin = new Redis(redis.url);
  admin.on('error', () => {});
  const behind = startBus('billing', proxy.url);
  const beside = startBus('billing', redis.url);
  const publisher = startBus('publisher', redis.url);
  const handled = { placed: [], kept: [], paid: [] };
  for (const bus of [behind, beside]) await bus.subscribe(Placed, ({ n }) => void handled.placed.push(n));
  await behind.subscribe(Kept, ({ n }) => void handled.kept.push(n), { broadcast: true });
  await behind.subscribe(Paid, ({ n }) => void handled.paid.push(n));
  await publisher.publish(Kept, { n: 0 });
  await publisher.publish(Paid, { n: 0 });
  await until(() => handled.kept.length === 1 && handled.paid.length === 1);
  const places = async () => ((await admin.hget('belfry:{belfry:orders.placed}:members', 'billing')) ?? '').length / 18;
  const stop = async () => {
    proxy.swallow(false);
    proxy.delay(0);
    await Promise.all([behind, beside, publisher].map((bus) => bus.close({ timeout: 100 })));
    admin.disconnect();
    await proxy.stop();
    await redis.stop();
  };
  return { redis, proxy, admin, behind, beside, publisher, handled, places, stop };
}

const subscriber = { name: /subscriber$/ };
/** Each measures from what its name says, in milliseconds. */
const faults = {
  'subscriber connection cut -> resumed': async ({ proxy, behind }) => {
    const resumed = told(behind, 'resumed');
    const began = performance.now();
    proxy.cut(subscriber);
    return (await resumed) - began;
  },
  'both connections cut -> resumed': async ({ proxy, behind }) => {
    const resumed = told(behind, 'resumed');
    const began = performance.now();
    proxy.cut();
    return (await resumed) - began;
  },
  'subscriber connection cut, 1000 kept events missed -> all handled': async ({
    proxy,
    publisher,
    behind,
    handled,
  }) => {
    proxy.swallow(true, { filter: subscriber });
    proxy.cut(subscriber);
    await until(() => behind.status === 'interrupted');
    for (let n = 0; n < 1000; n += 50)
      await Promise.all(Array.from({ length: 50 }, () => publisher.publish(Kept, { n: 1 })));
    proxy.swallow(false);
    proxy.cut(subscriber);
    const began = performance.now();
    await until(() => handled.kept.length === 1001);
    return performance.now() - began;
  },
  'network away for 10 s -> resumed, after it is back': async ({ proxy, behind }) => {
    await proxy.refuse();
    await sleep(10_000);
    const resumed = told(behind, 'resumed');
    await proxy.accept();
    const began = performance.now();
    return (await resumed) - began;
  },
  'Redis killed and restarted at once -> resumed, after it serves': async ({ redis, beside }) => {
    const resumed = told(beside, 'resumed');
    await redis.kill();
    await redis.restart({ empty: false });
    const began = performance.now();
    return Math.max(0, (await resumed) - began);
  },
  'Redis restarted empty -> both places in the ring, after it serves': async ({ redis, places }) => {
    await redis.restart({ empty: true });
    const began = performance.now();
    await until(async () => (await places().catch(() => 0)) === 2);
    return performance.now() - began;
  },
  'FLUSHALL -> both places in the ring': async ({ admin, places }) => {
    await admin.flushall();
    const began = performance.now();
    await until(async () => (await places()) === 2);
    return performance.now() - began;
  },
  'subscriber connection half open -> interrupted': async ({ proxy, behind }) => {
    await sleep(Math.random() * 2500);
    const interrupted = told(behind, 'interrupted');
    const began = performance.now();
    proxy.swallow(true, { filter: subscriber, existingOnly: true });
    return (await interrupted) - began;
  },
  'commands connection half open -> interrupted': async ({ proxy, behind }) => {
    await sleep(Math.random() * 2500);
    const interrupted = told(behind, 'interrupted');
    const began = performance.now();
    proxy.swallow(true, { filter: { name: /commands$/ }, existingOnly: true });
    return (await interrupted) - began;
  },
  'host gone without a word -> its place is out of the ring': async ({ proxy, places }) => {
    await sleep(Math.random() * 5000);
    const began = performance.now();
    proxy.swallow();
    await until(async () => (await places()) === 1);
    return performance.now() - began;
  },
  'member refused (process dead) -> the first event reaches another': async ({ proxy, publisher, handled }) => {
    await proxy.refuse();
    const began = performance.now();
    await publisher.publish(Placed, { n: 1 });
    await publisher.publish(Placed, { n: 2 });
    await until(() => handled.placed.length >= 1);
    const time = performance.now() - began;
    await proxy.accept();
    return time;
  },
  'durable event appended while the subscriber connection was away -> handled, after it is back': async ({
    proxy,
    publisher,
    behind,
    handled,
  }) => {
    proxy.swallow(true, { filter: subscriber });
    proxy.cut(subscriber);
    await until(() => behind.status === 'interrupted');
    await publisher.publish(Paid, { n: 1 });
    const resumed = told(behind, 'resumed');
    proxy.swallow(false);
    proxy.cut(subscriber);
    const back = await resumed;
    await until(() => handled.paid.length === 2);
    return Math.max(0, performance.now() - back);
  },
};

const only = process.argv[3];
for (const [name, measure] of Object.entries(faults)) {
  if (only !== undefined && !name.includes(only)) continue;
  const times = [];
  for (let run = 0; run < RUNS; run++) {
    const world = await startWorld();
    times.push(await measure(world));
    await world.stop();
  }
  times.sort((a, b) => a - b);
  console.log(
    `| ${name} | ${times[Math.floor(RUNS / 2)].toFixed(0)} ms | ${times.map((time) => time.toFixed(0)).join(', ')} |`,
  );
}
