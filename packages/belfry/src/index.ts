/**
 * The package to install: what service authors need.
 * @module belfry
 */

// First: it gives `Reflect` what the compiler's metadata and inversify's decorators need.
import 'reflect-metadata';

// Write a message down
export {
  type AnyContract,
  type AnyEvent,
  type ChannelContract,
  type ChannelOptions,
  type AnyRequest,
  defineChannel,
  defineEvent,
  type DeclaredErrors,
  defineRequest,
  type EventContract,
  type EventData,
  type EventInput,
  type EventOptions,
  type Guarantee,
  isContract,
  isRequest,
  isRequestError,
  type ReplyPayload,
  type RequestContract,
  type RequestErrors,
  type RequestInput,
  type RequestOptions,
  type RequestOutput,
  type RequestPayload,
  type RetainOptions,
} from '@belfry/contracts';

// Handle it
export {
  type BackoffOptions,
  type Causality,
  type Command,
  type Commit,
  currentContext,
  type MessageContext,
  type RequestContext,
  type RetryOptions,
  runInContext,
} from '@belfry/core';
export { NonRetryableError, RetryLaterError } from '@belfry/contracts';
export {
  type DecoratedHandler,
  type HandlerClass,
  type HandlerDecorator,
  type HandlerResponder,
  type HandlerSubscription,
  handlersOf,
  MessageScoped,
  Respond,
  Subscribe,
  subscriptionsOf,
} from '@belfry/handlers';

// Emit it
export { Publisher, type PublishOptions, type Receipt } from '@belfry/core';

// Ask it
export { type AskOptions, type Reply, type ReplyIterator, Requester } from '@belfry/core';

// Look into the log of a durable event
export type {
  DeadLetters,
  GroupState,
  Inspection,
  ReplayOptions,
  ReplayReport,
  ShownDeadLetter,
  WhichDeadLetters,
} from '@belfry/core';

// Run a service
export {
  createService,
  type HealthOptions,
  Logger,
  runService,
  type Service,
  type ServiceOptions,
  type ServiceStatus,
} from '@belfry/runtime';

// What Redis must allow it
export { accessRules, type ServiceAccessOptions } from '@belfry/runtime';
export type { AccessRules } from '@belfry/redis';

// What its handlers are made of: from inversify, so that there is one copy of it
export {
  Container,
  ContainerModule,
  inject,
  injectable,
  multiInject,
  named,
  optional,
  postConstruct,
  preDestroy,
  tagged,
} from 'inversify';

// A bus without a service
export {
  type Bus,
  type BusEvent,
  type BusEventMap,
  type BusOptions,
  type BusStatus,
  type Call,
  type DrainReport,
  type DropPolicy,
  type DurableStats,
  type Gap,
  type HandleCall,
  type Handler,
  type HandlerArguments,
  type HandlingOptions,
  type HandlingStats,
  type Middleware,
  type OverflowOptions,
  type Pressure,
  type PublishCall,
  type ReadyOptions,
  type Recovered,
  type RequestCall,
  type RequestHandler,
  type RequestStats,
  type RespondCall,
  type Responder,
  type ResponderStats,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionStats,
  silentLogger,
} from '@belfry/core';
export { bindHandlers } from '@belfry/handlers';
export { createBus } from '@belfry/runtime';

// Another way to a broker than a URL
export type { TransportFactory } from '@belfry/core';
export { memoryTransport, type MemoryTransportOptions } from '@belfry/core/memory';
export { type RedisTransportOptions, redisTransport } from '@belfry/redis';

// When something is wrong
export {
  BelfryError,
  type Duration,
  type ErrorCode,
  type ErrorIssue,
  errorCodes,
  RequestError,
} from '@belfry/contracts';
