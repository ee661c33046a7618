import type { Behaviour } from '../behaviour.js';
import { badInput } from './bad-input.js';
import { bareChannels } from './bare-channels.js';
import { closing } from './closing.js';
import { concurrency } from './concurrency.js';
import { context } from './context.js';
import { data } from './data.js';
import { delivery } from './delivery.js';
import { durableBadInput } from './durable-bad-input.js';
import { durableBroadcast } from './durable-broadcast.js';
import { durableClaims } from './durable-claims.js';
import { durableCommits } from './durable-commits.js';
import { durableContext } from './durable-context.js';
import { durableDeadLetters } from './durable-dead-letters.js';
import { durableDelays } from './durable-delays.js';
import { durableDrain } from './durable-drain.js';
import { durableGroups } from './durable-groups.js';
import { durableInspection } from './durable-inspection.js';
import { durableOnce } from './durable-once.js';
import { durableOrder } from './durable-order.js';
import { durablePublishing } from './durable-publishing.js';
import { durableRetries } from './durable-retries.js';
import { failingHandlers } from './failing-handlers.js';
import { groups } from './groups.js';
import { keys } from './keys.js';
import { loss } from './loss.js';
import { middleware } from './middleware.js';
import { order } from './order.js';
import { overflow } from './overflow.js';
import { patterns } from './patterns.js';
import { rawTransport } from './raw-transport.js';
import { ready } from './ready.js';
import { receipts } from './receipts.js';
import { recovery } from './recovery.js';
import { rawRequests } from './raw-requests.js';
import { requestAborts } from './request-aborts.js';
import { requestDeadlines } from './request-deadlines.js';
import { requestDrain } from './request-drain.js';
import { requestErrors } from './request-errors.js';
import { requestMiddleware } from './request-middleware.js';
import { requestStreamEnds } from './request-stream-ends.js';
import { requestStreams } from './request-streams.js';
import { requests } from './requests.js';
import { responders } from './responders.js';
import { status } from './status.js';
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
  ...loss,
  ...recovery,
  ...status,
  ...middleware,
  ...context,
  ...data,
  ...ready,
  ...closing,
  ...rawTransport,
  ...requests,
  ...responders,
  ...requestErrors,
  ...requestMiddleware,
  ...requestDeadlines,
  ...requestAborts,
  ...requestStreams,
  ...requestStreamEnds,
  ...requestDrain,
  ...rawRequests,
  ...durablePublishing,
  ...durableGroups,
  ...durableRetries,
  ...durableOrder,
  ...durableBadInput,
  ...durableDeadLetters,
  ...durableOnce,
  ...durableDelays,
  ...durableBroadcast,
  ...durableClaims,
  ...durableCommits,
  ...durableDrain,
  ...durableContext,
  ...durableInspection,
];
