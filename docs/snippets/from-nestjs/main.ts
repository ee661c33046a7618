import { runService } from 'belfry';
import { Billing } from './billing.js';

// #region main
await runService({ name: 'billing', handlers: [Billing] }); // REDIS_URL says where Redis is
// #endregion
