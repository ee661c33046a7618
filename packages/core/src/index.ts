// For people who write services
export { createBus } from './transport-bus.js';
export type {
  BroadcastOnlyOptions,
  Bus,
  DrainReport,
  Handler,
  HandlerArguments,
  HandlerMethod,
  HandlingOptions,
  PatternHandler,
  ReadyOptions,
  SourceItem,
  SubscribeOptions,
  SubscribeOptionsFor,
  SubscribeSource,
  Subscription,
} from './bus.js';
export { Publisher } from './publisher.js';
export type { BusOptions } from './options.js';
export type { PublishOptions } from './publication.js';
export type { RejectReason, SubscriptionStats } from './receiver.js';
export { type Causality, currentContext, type MessageContext, runInContext } from './context.js';
export type { Call, HandleCall, Middleware, PublishCall } from './middleware.js';
export { consoleLogger, type Logger, silentLogger } from './logger.js';
export { type Clock, settlesWithin, sleep, systemClock, type Timer } from './clock.js';

// For people who write transports
export type {
  Deliver,
  OutgoingEvent,
  Receipt,
  Source,
  Transport,
  TransportFactory,
  TransportFeature,
  TransportHost,
  TransportSubscription,
} from './transport.js';

// For programs that read the wire
export { decodeEnvelope, type Envelope, type ExtensionValue } from './envelope.js';
export { matchesPattern } from './pattern.js';
