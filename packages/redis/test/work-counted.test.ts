// What Redis is asked to do, counted: time says nothing on a busy machine, but a batch that falls apart, a second round trip or an envelope
// that grows shows here. The bounds are what it takes today; whoever needs less makes them tighter.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineEvent, defineRequest } from '@belfry/contracts';
import { type RedisServer, startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from './durable-world.js';
import { startBus } from './world.js';

const MESSAGES = 100;
// 200 bytes as JSON
const data = { orderId: 'order-1', note: 'x'.repeat(168) };

const schema = z.object({ orderId: z.string(), note: z.string() });
const OrderPlaced = defineEvent('orders.placed', { schema });
const PaymentTaken = defineEvent('payments.taken', { schema, guarantee: 'durable' });
const QuotePrice = defineRequest('pricing.quote', { input: schema, output: z.object({ cents: z.number() }) });

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startRedis({ fresh: true });
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

interface Work {
  /** Scripts that clients called. */
  readonly scripts: number;
  /** All commands, those within scripts too. */
  readonly commands: number;
  /** Of them PUBLISH: a batch of durable events needs one, a lone transient event at most two. */
  readonly publishes: number;
  /** Bytes from clients, per message. */
  readonly bytesIn: number;
  /** Bytes to clients, per message. */
  readonly bytesOut: number;
}

/** What Redis had to do meanwhile, for so many messages. */
async function counted(work: () => Promise<unknown>): Promise<Work> {
  await admin.config('RESETSTAT');
  await work();
  const [commands, stats] = [await admin.info('commandstats'), await admin.info('stats')];
  const calls = new Map([...commands.matchAll(/^cmdstat_(\S+):calls=(\d+)/gm)].map(([, name, n]) => [name, Number(n)]));
  calls.delete('config|resetstat');
  const perMessage = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(stats)?.[1]) / MESSAGES;
  return {
    scripts: calls.get('evalsha') ?? 0,
    commands: [...calls.values()].reduce((sum, n) => sum + n, 0),
    publishes: calls.get('publish') ?? 0,
    bytesIn: perMessage('total_net_input_bytes'),
    bytesOut: perMessage('total_net_output_bytes'),
  };
}

/** What is more than it may be. */
const excess = (work: Work, bounds: Work) =>
  Object.entries(work).filter(([what, amount]) => !(amount <= bounds[what as keyof Work]));

type Act = () => Promise<void>;
const ways = {
  'in one turn': (act: Act) => Promise.all(Array.from({ length: MESSAGES }, act)),
  'one per turn': async (act: Act) => {
    const all: Promise<void>[] = [];
    for (let n = 0; n < MESSAGES; n++) {
      all.push(act());
      await nextTurn();
    }
    await Promise.all(all);
  },
  'one after the other': async (act: Act) => {
    for (let n = 0; n < MESSAGES; n++) await act();
  },
};

const idle: Act = async () => {};

/** Two services, and what one of them can do to have the other handle something. */
async function startWorld() {
  const quietly = { url: server.url, heartbeat: 60_000 }; // no probes in between
  const [shop, billing] = [startBus('shop', quietly), startBus('billing', quietly)];
  const world = { handled: 0, 'a transient event': idle, 'a durable event': idle, 'a request': idle };
  const handle = () => void world.handled++;
  await billing.subscribe(OrderPlaced, handle);
  await billing.subscribe(PaymentTaken, handle);
  await billing.respond(QuotePrice, () => ({ cents: ++world.handled }));
  world['a transient event'] = async () => void (await shop.publish(OrderPlaced, data));
  world['a durable event'] = async () => void (await shop.publish(PaymentTaken, data));
  world['a request'] = async () => void (await shop.request(QuotePrice, data));
  return world;
}

// What a burst shares is written once per millisecond: on a machine that stands still meanwhile, several times.
it.each([
  ['a transient event', 'in one turn', { scripts: 1, commands: 5, publishes: 0, bytesIn: 280, bytesOut: 285 }],
  ['a transient event', 'one per turn', { scripts: 100, commands: 500, publishes: 200, bytesIn: 605, bytesOut: 550 }],
  [
    'a transient event',
    'one after the other',
    { scripts: 100, commands: 500, publishes: 200, bytesIn: 605, bytesOut: 550 },
  ],
  ['a request', 'in one turn', { scripts: 2, commands: 10, publishes: 0, bytesIn: 595, bytesOut: 600 }],
  ['a request', 'one per turn', { scripts: 100, commands: 400, publishes: 0, bytesIn: 855, bytesOut: 810 }],
  ['a request', 'one after the other', { scripts: 100, commands: 400, publishes: 0, bytesIn: 855, bytesOut: 810 }],
  ['a durable event', 'in one turn', { scripts: 8, commands: 320, publishes: 1, bytesIn: 500, bytesOut: 500 }],
  ['a durable event', 'one per turn', { scripts: 240, commands: 4200, publishes: 100, bytesIn: 960, bytesOut: 740 }],
  [
    'a durable event',
    'one after the other',
    { scripts: 240, commands: 4200, publishes: 100, bytesIn: 960, bytesOut: 740 },
  ],
] as const)('%s, 100 times %s: Redis is asked to do no more than this', async (what, way, bounds) => {
  const world = await startWorld();
  const act = world[what];
  await act(); // what only the first one needs
  await until(() => world.handled === 1);
  const work = await counted(async () => {
    await ways[way](act);
    await until(() => world.handled === 1 + MESSAGES);
  });
  expect(excess(work, bounds)).toEqual([]);
});
