import { type Usage, type User, usageOfPattern, usageOfResponding, usageOfSubscribing } from '@belfry/core';
import { contractsOf, groupOf } from './handled.js';
import type { HandlerClass } from './handler-class.js';
import { type DecoratedHandler, handlersOf } from './handler-records.js';

/** Everything that the decorated methods of the classes take, in a service of that name: what `bus.open` asks the broker for. */
export const usagesOf = (handlers: readonly HandlerClass[], user: User): readonly Usage[] =>
  handlers.flatMap(handlersOf).flatMap((handler) => usagesOfHandler(handler, user));

/** The same of one method. */
export function usagesOfHandler(handler: DecoratedHandler, user: User): readonly Usage[] {
  if (handler.kind === 'respond') return [usageOfResponding(handler.contract, user)];
  if (typeof handler.source === 'string') return [usageOfPattern(handler.source, user)];
  const group = groupOf(handler, user.name);
  return contractsOf(handler).map((contract) => usageOfSubscribing(contract, group, user));
}
