// A process that does everything on a Cluster once, closes its bus, and has nothing left to wait for.
//   node --conditions=@belfry/source --import tsx cluster-process.ts <url>
import { defineEvent } from '@belfry/contracts';
import { createBus, silentLogger } from '@belfry/core';
import { z } from 'zod';
import { redisTransport } from '../src/index.js';
import { DoWork } from './work.js';

const schema = z.object({ n: z.number() });
const OrderPlaced = defineEvent('orders.placed', { schema });
const OrderPaid = defineEvent('orders.paid', { schema, guarantee: 'durable' });

const bus = createBus({
  name: 'app',
  logger: silentLogger,
  transport: redisTransport({ url: process.argv[2] as string }),
});
await bus.subscribe(OrderPlaced, () => {});
await bus.subscribe(OrderPlaced, () => {}, { broadcast: true });
await bus.subscribe(OrderPaid, () => {});
await bus.respond(DoWork, ({ n }) => ({ n, by: bus.instance }));
await Promise.all([
  bus.publish(OrderPlaced, { n: 1 }),
  bus.publish(OrderPaid, { n: 1 }),
  bus.request(DoWork, { n: 1 }),
]);
await bus.close();
console.log('closed');
