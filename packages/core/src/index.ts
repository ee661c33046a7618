/**
 * The bus, and the interface of transports.
 * @module @belfry/core
 */

// For people who write services
export { createBus } from './transport-bus.js';
export type {
  Answer,
  BroadcastOnlyOptions,
  Bus,
  DrainReport,
  Handler,
  HandlerArguments,
  HandlerMethod,
  HandlingOptions,
  OverflowOptions,
  PatternHandler,
  ReadyOptions,
  RequestHandler,
  Responder,
  SourceItem,
  SubscribeOptions,
  SubscribeOptionsFor,
  SubscribeSource,
  Subscription,
} from './bus.js';
export type { BusEvent, BusEventMap, BusStatus, Gap, Pressure, Recovered } from './bus-events.js';
export type { DropPolicy } from './delivery-queue.js';
export { Publisher } from './publisher.js';
export type { BackoffOptions, RetryOptions } from './durable/retry.js';
export type {
  DeadLetters,
  Inspection,
  ReplayOptions,
  ReplayReport,
  ShownDeadLetter,
  WhichDeadLetters,
} from './durable/inspection.js';
export type { BusOptions } from './options.js';
export type { PublishOptions } from './publication.js';
export { type AskOptions, type Reply, type ReplyIterator, Requester, type RequestStats } from './requester.js';
export type { DurableStats, HandlingStats, SubscriptionStats } from './subscription-stats.js';
export type { ResponderStats } from './request-receiver.js';
export type { RejectReason } from './rejections.js';
export {
  type Causality,
  type Command,
  type Commit,
  currentContext,
  type MessageContext,
  type RequestContext,
  runInContext,
} from './context.js';
export type { Call, HandleCall, Middleware, PublishCall, RequestCall, RespondCall } from './middleware.js';
export { consoleLogger, type Logger, silentLogger } from './logger.js';
export { type Clock, settlesWithin, sleep, systemClock, type Timer } from './clock.js';

// For people who say which rights a service needs
export {
  type Emitted,
  type Usage,
  usageOfEmitting,
  usageOfOperating,
  usageOfPattern,
  usageOfResponding,
  usageOfSubscribing,
  type User,
} from './usage.js';

// For people who write transports
export type {
  Deliver,
  Origin,
  HistoryPart,
  OutgoingEvent,
  OutgoingRequest,
  Receipt,
  Source,
  Transport,
  TransportFactory,
  TransportFeature,
  TransportHost,
  TransportNews,
  TransportSubscription,
} from './transport.js';
export {
  type Appended,
  type DeadLetter,
  DOORBELL,
  type Durability,
  type GroupState,
  type Keep,
  type LogEntry,
  type LogPart,
  type OutgoingDurableEvent,
  type WorkRequest,
} from './durable/durability.js';
export type { DeathReason, Delivery, Settlement, Work } from './durable/delivery.js';

// For programs that read the wire
export {
  decodeEnvelope,
  decodeShared,
  type Envelope,
  type ExtensionValue,
  type SharedAttributes,
} from './envelope.js';
export { type EncodedEvent, numbered, numberedOwn } from './standing.js';
export { matchesPattern } from './pattern.js';
