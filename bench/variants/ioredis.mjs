// The control: what people write by hand. One connection to publish, one to subscribe, JSON on the way.
import { Redis } from 'ioredis';

export function publisher({ url }) {
  const redis = new Redis(url);
  return { publish: (order) => redis.publish('orders', JSON.stringify(order)), close: () => redis.quit() };
}

export async function subscriber({ url }, take) {
  const redis = new Redis(url);
  redis.on('message', (_, text) => take(JSON.parse(text)));
  await redis.subscribe('orders');
  return { close: () => redis.quit() };
}

/** Asks on one channel, and waits for the reply on one of its own. */
export async function caller({ url }) {
  const redis = new Redis(url);
  const replies = new Redis(url);
  const inbox = `replies:${process.pid}`;
  const pending = new Map();
  let next = 0;
  replies.on('message', (_, text) => {
    const { id, reply } = JSON.parse(text);
    pending.get(id)(reply);
    pending.delete(id);
  });
  await replies.subscribe(inbox);
  const ask = (order) =>
    new Promise((resolve) => {
      const id = next++;
      pending.set(id, resolve);
      redis.publish('questions', JSON.stringify({ id, inbox, order }));
    });
  return { ask, close: () => Promise.all([redis.quit(), replies.quit()]) };
}

export async function responder({ url }, answer) {
  const redis = new Redis(url);
  const questions = new Redis(url);
  questions.on('message', (_, text) => {
    const { id, inbox, order } = JSON.parse(text);
    redis.publish(inbox, JSON.stringify({ id, reply: answer(order) }));
  });
  await questions.subscribe('questions');
  return { close: () => Promise.all([redis.quit(), questions.quit()]) };
}
