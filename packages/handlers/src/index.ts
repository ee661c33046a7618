import 'reflect-metadata';

// For people who write handlers
export { MessageScoped } from './message-scoped.js';
export { type HandlerDecorator, Subscribe } from './subscribe.js';

// For programs that run them
export { type BoundHandler, bindHandlers } from './bind-handlers.js';
export type { HandlerClass } from './handler-class.js';

// For tools
export { type HandlerRecord, type HandlerSubscription, subscriptionsOf } from './handler-records.js';
