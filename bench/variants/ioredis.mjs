// The control: what people write by hand. One connection to publish, one to subscribe, JSON on the way.
import { Redis } from 'ioredis';

/** `members`: a group whose members have a channel each, and take turns. */
export function publisher({ url, redis: options, members }) {
  const redis = new Redis(url, { ...options });
  let turn = 0;
  const channel = members ? () => `orders:${turn++ % members}` : () => 'orders';
  return { publish: (order) => redis.publish(channel(), JSON.stringify(order)), close: () => redis.quit() };
}

export async function subscriber({ url, members, index }, take) {
  const redis = new Redis(url);
  redis.on('message', (_, text) => take(JSON.parse(text)));
  await redis.subscribe(members ? `orders:${index}` : 'orders');
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

/** Like a caller, with a message for each value and one for the end. There is no flow control. */
export async function reader({ url }) {
  const redis = new Redis(url);
  const replies = new Redis(url);
  const inbox = `replies:${process.pid}`;
  const pending = new Map();
  let next = 0;
  replies.on('message', (_, text) => {
    const { id, value } = JSON.parse(text);
    pending.get(id)(value);
  });
  await replies.subscribe(inbox);
  const read = (order, take) =>
    new Promise((resolve) => {
      const id = next++;
      pending.set(id, (value) => {
        if (value) return take(value);
        pending.delete(id);
        resolve();
      });
      redis.publish('questions', JSON.stringify({ id, inbox, order }));
    });
  return { read, close: () => Promise.all([redis.quit(), replies.quit()]) };
}

export async function source({ url }, values) {
  const redis = new Redis(url);
  const questions = new Redis(url);
  questions.on('message', (_, text) => {
    const { id, inbox, order } = JSON.parse(text);
    for (const value of values(order)) redis.publish(inbox, JSON.stringify({ id, value }));
    redis.publish(inbox, JSON.stringify({ id }));
  });
  await questions.subscribe('questions');
  return { close: () => Promise.all([redis.quit(), questions.quit()]) };
}

/** Many channels, each with a handler of its own. */
export async function listener({ url, channels }, take) {
  const redis = new Redis(url);
  const handlers = new Map(Array.from({ length: channels }, (_, n) => [`orders:n${n}`, (order) => take(order)]));
  redis.on('message', (channel, text) => handlers.get(channel)(JSON.parse(text)));
  await redis.subscribe(...handlers.keys());
  return { close: () => redis.quit() };
}
