// For docs/from-moleculer.md, which shows it beside the same in Belfry; it is not measured.
import { ServiceBroker, Errors } from 'moleculer';

const transporter = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const broker = new ServiceBroker({ nodeID: `billing-${process.pid}`, transporter, logger: false });

// #region mixin
const Cards = {
  methods: {
    async take(orderId, cents) {
      console.log(`moleculer billing: takes ${cents} cents for ${orderId}`);
    },
  },
};
// #endregion

// #region billing
broker.createService({
  name: 'billing',
  mixins: [Cards],
  events: {
    'orders.placed': {
      params: { orderId: 'string', cents: 'number' },
      async handler(ctx) {
        await this.take(ctx.params.orderId, ctx.params.cents);
        await ctx.emit('payments.taken', { orderId: ctx.params.orderId });
      },
    },
    // Every instance hears what is said by broadcast.
    'prices.changed'(ctx) {
      console.log(`moleculer billing: ${ctx.params.sku} costs ${ctx.params.cents}`);
    },
  },
  actions: {
    quote: {
      params: { sku: 'string' },
      handler({ params: { sku } }) {
        if (sku !== 'bell') throw new Errors.MoleculerClientError('no such thing', 404, 'UNKNOWN_SKU');
        return { cents: 1250 };
      },
    },
  },
  async started() {
    console.log('moleculer billing: begins');
  },
  async stopped() {
    console.log('moleculer billing: ends');
  },
});

await broker.start();
// #endregion
