/**
 * Decorators, and what binds decorated methods to a bus.
 * @module @belfry/handlers
 */

import 'reflect-metadata';

// For people who write handlers
export { MessageScoped } from './message-scoped.js';
export type { HandlerDecorator } from './handler-decorator.js';
export { Subscribe } from './subscribe.js';
export { Respond } from './respond.js';

// For programs that run them
export { type BoundHandler, bindHandlers } from './bind-handlers.js';
export type { HandlerClass } from './handler-class.js';

// For tools
export { usagesOf } from './usages.js';
export {
  type DecoratedHandler,
  type HandlerResponder,
  type HandlerSubscription,
  handlersOf,
  subscriptionsOf,
} from './handler-records.js';
