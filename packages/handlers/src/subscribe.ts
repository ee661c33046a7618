import type { HandlerMethod, SourceItem, SubscribeOptionsFor, SubscribeSource } from '@belfry/core';
import { recordOn, recordOnMethod } from './handler-records.js';

/** What a class has and its instances have not: a decorated static method does not compile. */
interface NotStatic {
  readonly prototype?: never;
}

/** The same for standard decorators; a `#private` method cannot be called either. */
interface OfInstances {
  readonly static: false;
  readonly private: false;
}

/** Decorates methods of a given shape; any other does not compile. */
export interface HandlerDecorator<H extends (...args: never[]) => unknown> {
  /** Standard decorators. */
  <M extends H>(method: M, context: ClassMethodDecoratorContext & OfInstances): void;
  // Last, because the compiler reports the last overload: its message shows where the parameters differ.
  /** `experimentalDecorators`: what Belfry's examples use, because `@inject` needs it. */
  <M extends H>(target: object & NotStatic, method: string | symbol, descriptor: TypedPropertyDescriptor<M>): void;
}

/**
 * Handles the events of a contract, of several contracts (the data are a union, and `context.type` tells which), or whatever a pattern
 * matches (the data are `unknown`). May stand on one method several times. A parameter that does not fit does not compile.
 *
 * Subclasses inherit it. An override without a decorator keeps it; a decorator on the override replaces it.
 * It only records: `createService({ handlers })` or `bindHandlers` subscribes.
 * @param options as of `bus.subscribe`: `group` (default: the service's name), `broadcast`, `concurrency` (default 16),
 * `maxQueuedMessages`, `maxQueuedBytes`. Wrong ones are found at start, `OPTION_INVALID`.
 */
export function Subscribe<const S extends SubscribeSource>(
  source: S,
  options: SubscribeOptionsFor<SourceItem<S>> = {},
): HandlerDecorator<HandlerMethod<S>> {
  const record = { source, options };
  return (target: object, second: string | symbol | ClassMethodDecoratorContext): void => {
    if (typeof second === 'object') recordOnMethod(target, record);
    else recordOn(target, second, record);
  };
}
