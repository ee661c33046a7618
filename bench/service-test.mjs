// Measures what one test of a service takes: a harness is started, an event published, its effect waited for, and everything stopped again.
//   npm run build && node bench/service-test.mjs [tests]
import { memoryUsage } from 'node:process';

const TESTS = Number(process.argv[2] ?? 200);
const ms = (value) => `${value.toFixed(1)} ms`;

const began = performance.now();
const { defineEvent, Publisher, Subscribe, inject } = await import('belfry');
const { explore, startHarness } = await import('@belfry/testing');
const { z } = await import('zod');
await startHarness().then((harness) => harness[Symbol.asyncDispose]()); // what is loaded by need
console.log(`import: ${ms(performance.now() - began)}`);

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ order: z.string() }), guarantee: 'durable' });
const PaymentTaken = defineEvent('payments.taken', { schema: z.object({ order: z.string() }), guarantee: 'durable' });
class Billing {
  constructor(publisher) {
    this.publisher = publisher;
  }
  async charge({ order }) {
    await this.publisher.publish(PaymentTaken, { order });
  }
}
inject(Publisher)(Billing, undefined, 0); // plain JavaScript has no decorators
Subscribe(OrderPlaced)(Billing.prototype, 'charge', Object.getOwnPropertyDescriptor(Billing.prototype, 'charge'));

async function test() {
  const harness = await startHarness({ name: 'billing', handlers: [Billing], instances: 2 });
  await harness.publish(OrderPlaced, { order: 'o-1' });
  await harness.published(PaymentTaken, { order: 'o-1' });
  await harness.settled();
  await harness[Symbol.asyncDispose]();
}

async function measure(name, count, work) {
  const times = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await work(n);
    times.push(performance.now() - start);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => ms(sorted[Math.floor((sorted.length - 1) * part)]);
  console.log(`${name}: first ${ms(times[0])}, median ${at(0.5)}, 99 % ${at(0.99)}`);
}

await measure('one test of a service, two instances', TESTS, test);
const scenario = async ({ startHarness }) => {
  const harness = await startHarness({ name: 'billing', handlers: [Billing], instances: 2 });
  for (const order of ['o-1', 'o-2', 'o-3']) await harness.publish(OrderPlaced, { order });
  await harness.settled();
  await harness[Symbol.asyncDispose]();
};
await measure('one seed of explore, three events', TESTS, (seed) => explore(scenario, { seed }));
const harness = await startHarness({ name: 'billing', handlers: [Billing] });
await measure('a day of an idle service', 3, () => harness.advance('1d'));
await harness[Symbol.asyncDispose]();
console.log(`memory: ${(memoryUsage().heapUsed / 1e6).toFixed(0)} MB in use at the end`);
