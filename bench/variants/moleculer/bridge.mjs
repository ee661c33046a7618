// For docs/from-moleculer.md: a process that is both, a node of Moleculer and a service of Belfry.
import { createService } from 'belfry';
import { ServiceBroker, Errors } from 'moleculer';
import { OrderPlaced, PaymentTaken, QuotePrice } from '../../../docs/snippets/from-moleculer/contracts.js';

const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';

// #region bridge
const belfry = createService({ name: 'bridge', url });
const broker = new ServiceBroker({ nodeID: `bridge-${process.pid}`, transporter: url, logger: false });

broker.createService({
  name: 'bridge',
  events: {
    // A Moleculer service emits: Belfry's services handle it.
    async 'orders.placed'({ params }) {
      await belfry.bus.publish(OrderPlaced, params, { id: params.orderId });
    },
  },
});

broker.createService({
  name: 'billing', // a Moleculer service calls: a Belfry service answers
  actions: {
    async quote({ params }) {
      try {
        return await belfry.bus.request(QuotePrice, params);
      } catch (error) {
        if (QuotePrice.isError(error)) throw new Errors.MoleculerClientError(error.message, 404, error.code);
        throw error;
      }
    },
  },
});

await belfry.start();
await broker.start();
// A Belfry service publishes: Moleculer's services handle it.
await belfry.bus.subscribe(PaymentTaken, (payment) => broker.emit('payments.taken', payment));

process.once('SIGTERM', async () => {
  await broker.stop();
  await belfry.stop();
});
// #endregion
console.log('the bridge is ready');
