import { runService } from 'belfry';
import { Billing, cards } from './billing.js';

// #region main
await runService({ name: 'billing', handlers: [Billing], modules: [cards] });
// #endregion
