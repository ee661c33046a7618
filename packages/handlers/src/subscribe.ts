import type { HandlerMethod, SourceItem, SubscribeOptionsFor, SubscribeSource } from '@belfry/core';
import { type HandlerDecorator, recording } from './handler-decorator.js';

/**
 * Handles the events of a contract, of several contracts (the data are a union, and `context.type` tells which), or whatever a pattern
 * matches (the data are `unknown`). May stand on one method several times. A parameter that does not fit does not compile.
 *
 * Subclasses inherit it. An override without a decorator keeps it; a decorator on the override replaces it.
 * It only records: `createService({ handlers })` or `bindHandlers` subscribes.
 * @param options as of `bus.subscribe`: `group` (default: the service's name), `broadcast`, `concurrency` (default 16),
 * `maxQueuedMessages`, `maxQueuedBytes`. Wrong ones are found at start, `OPTION_INVALID`.
 */
export const Subscribe = <const S extends SubscribeSource>(
  source: S,
  options: SubscribeOptionsFor<SourceItem<S>> = {},
): HandlerDecorator<HandlerMethod<S>> => recording({ kind: 'subscribe', source, options });
