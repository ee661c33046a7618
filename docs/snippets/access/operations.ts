import { accessRules } from 'belfry';
import { billing } from './billing.js';
import { OrderPlaced } from './contracts.js';

// #region commit
// What a handler commits are your commands, on your keys: here HINCRBY on a hash in the slot of the event.
export const withCommit = accessRules({ ...billing, extra: ['(+hincrby ~{shop:orders.placed}:totals)'] });
// #endregion commit

// #region operates
export const operator = accessRules({ name: 'ops', namespace: 'shop', operates: [OrderPlaced] });
// #endregion operates

// #region cluster
export const onCluster = accessRules({ ...billing, cluster: true });
// #endregion cluster
