// First: it gives `Reflect` what the compiler's metadata and inversify's decorators need.
import 'reflect-metadata';

// Write a message down
export {
  type AnyContract,
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
} from '@belfry/contracts';

// Handle it
export { type Causality, currentContext, type MessageContext, type RequestContext, runInContext } from '@belfry/core';
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

// Run a service
export {
  createService,
  Logger,
  runService,
  type Service,
  type ServiceOptions,
  type ServiceStatus,
} from '@belfry/runtime';

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
  type BusOptions,
  type Call,
  type DrainReport,
  type HandleCall,
  type Handler,
  type HandlerArguments,
  type HandlingOptions,
  type Middleware,
  type PublishCall,
  type ReadyOptions,
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

// Another way to Redis than a URL
export type { TransportFactory } from '@belfry/core';
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
