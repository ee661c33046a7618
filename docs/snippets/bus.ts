import { createBus } from 'belfry';
import { OrderPlaced } from './contracts.js';

// #region bus
const bus = createBus({ name: 'reports', url: process.env.BELFRY_URL ?? 'memory:' });

await bus.subscribe(OrderPlaced, (order) => console.log(`${order.customerId} spent ${order.total}`));

const receipt = await bus.publish(OrderPlaced, { orderId: 'o-1', customerId: 'ann', total: 12.5 });
console.log(receipt); // here, in memory: { broadcast: 0, groups: { reports: 1 } }

await bus.close(); // finishes what has arrived
// #endregion bus
