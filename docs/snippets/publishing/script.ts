import { createBus } from 'belfry';
import { OrderPlaced } from './messages.js';

const { BELFRY_URL: url = 'memory:', BELFRY_NAMESPACE: namespace = 'belfry' } = process.env;
// #region script
await using bus = createBus({ name: 'import', url, namespace });
await bus.ready(OrderPlaced, { groups: ['billing'], timeout: '30s' }); // until billing is there
await bus.publish(OrderPlaced, { orderId: 'o-1', customerId: 'ann' });
// #endregion
