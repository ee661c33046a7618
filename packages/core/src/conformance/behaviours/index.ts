import type { Behaviour } from '../behaviour.js';
import { badInput } from './bad-input.js';
import { bareChannels } from './bare-channels.js';
import { closing } from './closing.js';
import { concurrency } from './concurrency.js';
import { context } from './context.js';
import { data } from './data.js';
import { delivery } from './delivery.js';
import { failingHandlers } from './failing-handlers.js';
import { groups } from './groups.js';
import { keys } from './keys.js';
import { middleware } from './middleware.js';
import { order } from './order.js';
import { overflow } from './overflow.js';
import { patterns } from './patterns.js';
import { rawTransport } from './raw-transport.js';
import { ready } from './ready.js';
import { receipts } from './receipts.js';
import { subscriptions } from './subscriptions.js';
import { validation } from './validation.js';

/** The whole suite, in the order in which it runs. */
export const behaviours: readonly Behaviour[] = [
  ...delivery,
  ...groups,
  ...receipts,
  ...order,
  ...keys,
  ...concurrency,
  ...subscriptions,
  ...patterns,
  ...bareChannels,
  ...validation,
  ...badInput,
  ...failingHandlers,
  ...overflow,
  ...middleware,
  ...context,
  ...data,
  ...ready,
  ...closing,
  ...rawTransport,
];
