// What is sent, and how: the same for every variant.

/** An order as JSON of about `size` bytes. Every one is another object. */
export function orderOf(n, size) {
  const order = { orderId: `order-${n}`, customerId: `customer-${n % 100}`, total: n * 1.25, note: '' };
  order.note = 'x'.repeat(Math.max(0, size - JSON.stringify(order).length));
  return order;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Publishes `count` orders, so many in each turn of the event loop, and waits for the answers to all of them at the end. */
export async function publishInTurns(publish, { count, perTurn, size }) {
  const answers = [];
  for (let n = 0; n < count; await turn())
    for (let k = 0; k < perTurn && n < count; k++) answers.push(publish(orderOf(n++, size)));
  await Promise.all(answers);
}

/** Publishes one order every so many milliseconds, with the time at which it left. */
export async function publishSteadily(publish, { count, everyMs, size }, now) {
  const answers = [];
  for (let n = 0; n < count; n++) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    answers.push(publish({ ...orderOf(n, size), sentAt: now() }));
  }
  await Promise.all(answers);
}

/** Asks `count` times, with so many questions in flight. Returns how long each took, in milliseconds. */
export async function askInParallel(ask, { count, inFlight, size }, now) {
  const took = [];
  let n = 0;
  const one = async () => {
    while (n < count) {
      const began = now();
      await ask(orderOf(n++, size));
      took.push(now() - began);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  return took;
}

/** How many values a stream of replies has. */
const PER_STREAM = 256;

/** The values of one stream of replies. */
export function* valuesFor({ total }) {
  for (let n = 0; n < PER_STREAM; n++) yield { total: total + n };
}

/** Reads `count` values from streams of replies, so many of them at a time. */
export async function readInParallel(read, { count, inFlight, size }, take) {
  let n = 0;
  const one = async () => {
    while (n < count / PER_STREAM) await read(orderOf(n++, size), take);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}
