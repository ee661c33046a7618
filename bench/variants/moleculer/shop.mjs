// For docs/from-moleculer.md: the caller's side.
import { ServiceBroker } from 'moleculer';

const transporter = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const broker = new ServiceBroker({ nodeID: `shop-${process.pid}`, transporter, logger: false });
await broker.start();
// #region shop
await broker.waitForServices('billing');

await broker.emit('orders.placed', { orderId: 'o-1', cents: 1250 }); // one instance of each service
await broker.broadcast('prices.changed', { sku: 'bell', cents: 1250 }); // every instance

const price = await broker.call('billing.quote', { sku: 'bell' }, { timeout: 5000 });
// #endregion
console.log(`moleculer shop: ${JSON.stringify(price)}`);
const error = await broker.call('billing.quote', { sku: 'moon' }, { timeout: 5000 }).catch((reason) => reason);
console.log(`moleculer shop: ${error.name} ${error.type}`);
await broker.stop();
