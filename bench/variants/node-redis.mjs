// The other client, by hand in the same way.
import { createClient } from 'redis';

/** Its default is a timer for every command, which costs more than the command: without it both clients do the same work. */
const connect = ({ url }) => createClient({ url, commandOptions: { timeout: undefined } }).connect();

export async function publisher(options) {
  const redis = await connect(options);
  return { publish: (order) => redis.publish('orders', JSON.stringify(order)), close: () => redis.close() };
}

export async function subscriber(options, take) {
  const redis = await connect(options);
  await redis.subscribe('orders', (text) => take(JSON.parse(text)));
  return { close: () => redis.close() };
}

/** Asks on one channel, and waits for the reply on one of its own. */
export async function caller(options) {
  const redis = await connect(options);
  const replies = await connect(options);
  const inbox = `replies:${process.pid}`;
  const pending = new Map();
  let next = 0;
  await replies.subscribe(inbox, (text) => {
    const { id, reply } = JSON.parse(text);
    pending.get(id)(reply);
    pending.delete(id);
  });
  const ask = (order) =>
    new Promise((resolve) => {
      const id = next++;
      pending.set(id, resolve);
      redis.publish('questions', JSON.stringify({ id, inbox, order }));
    });
  return { ask, close: () => Promise.all([redis.close(), replies.close()]) };
}

export async function responder(options, answer) {
  const redis = await connect(options);
  const questions = await connect(options);
  await questions.subscribe('questions', (text) => {
    const { id, inbox, order } = JSON.parse(text);
    redis.publish(inbox, JSON.stringify({ id, reply: answer(order) }));
  });
  return { close: () => Promise.all([redis.close(), questions.close()]) };
}
