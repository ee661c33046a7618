// Moleculer over its Redis transporter; durable events through @moleculer/channels.
import { Readable } from 'node:stream';
import { Middleware as Channels } from '@moleculer/channels';
import { ServiceBroker } from 'moleculer';

/** A broker, with a service if there is one. Its registry has to know the services that it will call. */
async function start({ url, durable }, schema, wanted) {
  const channels = Channels({ adapter: { type: 'Redis', options: { redis: url } } });
  const broker = new ServiceBroker({
    nodeID: `node-${process.pid}`,
    transporter: url,
    logger: false,
    middlewares: durable ? [channels] : [],
  });
  if (schema) broker.createService(schema);
  await broker.start();
  if (wanted) await broker.waitForServices(wanted);
  return { broker, close: () => broker.stop() };
}

export async function publisher(options) {
  const { durable, broadcast } = options;
  const { broker, close } = await start(options, undefined, 'billing');
  if (durable) return { publish: (order) => broker.sendToChannel('orders.placed', order), close };
  if (broadcast) return { publish: (order) => broker.broadcast('orders.placed', order), close };
  return { publish: (order) => broker.emit('orders.placed', order), close };
}

export function subscriber(options, take) {
  const channels = { 'orders.placed': { group: 'billing', maxInFlight: 16, handler: async (order) => take(order) } };
  const events = { 'orders.placed': ({ params }) => take(params) };
  return start(options, { name: 'billing', ...(options.durable ? { channels } : { events }) });
}

export async function caller(options) {
  const { broker, close } = await start(options, undefined, 'pricing');
  return { ask: (order) => broker.call('pricing.quote', order), close };
}

export const responder = (options, answer) =>
  start(options, { name: 'pricing', actions: { quote: ({ params }) => answer(params) } });

export async function reader(options) {
  const { broker, close } = await start(options, undefined, 'pricing');
  async function read(order, take) {
    for await (const value of await broker.call('pricing.quotes', order)) take(value);
  }
  return { read, close };
}

export const source = (options, values) =>
  start(options, { name: 'pricing', actions: { quotes: ({ params }) => Readable.from(values(params)) } });
