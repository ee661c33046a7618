// NATS: another server, made for this. Core NATS, at most once, as with Redis Pub/Sub.
import { connect as connectTo, createInbox } from '@nats-io/transport-node';

const connect = ({ url }) => connectTo({ servers: url });
const encode = (order) => JSON.stringify(order);

export async function publisher(options) {
  const nats = await connect(options);
  return { publish: (order) => nats.publish('orders', encode(order)), close: () => nats.drain() };
}

export async function subscriber({ group, ...options }, take) {
  const nats = await connect(options);
  nats.subscribe('orders', { queue: group, callback: (_, message) => take(message.json()) });
  await nats.flush();
  return { close: () => nats.drain() };
}

export async function caller(options) {
  const nats = await connect(options);
  const ask = async (order) => (await nats.request('questions', encode(order), { timeout: 5000 })).json();
  return { ask, close: () => nats.drain() };
}

export async function responder(options, answer) {
  const nats = await connect(options);
  const callback = (_, message) => message.respond(JSON.stringify(answer(message.json())));
  nats.subscribe('questions', { queue: 'pricing', callback });
  await nats.flush();
  return { close: () => nats.drain() };
}

/** Each value is a reply; an empty one is the end. */
export async function reader(options) {
  const nats = await connect(options);
  async function read(order, take) {
    const inbox = createInbox();
    const replies = nats.subscribe(inbox);
    nats.publish('questions', encode(order), { reply: inbox });
    for await (const reply of replies) {
      if (reply.data.length === 0) break;
      take(reply.json());
    }
  }
  return { read, close: () => nats.drain() };
}

export async function source(options, values) {
  const nats = await connect(options);
  const callback = (_, message) => {
    for (const value of values(message.json())) message.respond(JSON.stringify(value));
    message.respond();
  };
  nats.subscribe('questions', { queue: 'pricing', callback });
  await nats.flush();
  return { close: () => nats.drain() };
}
