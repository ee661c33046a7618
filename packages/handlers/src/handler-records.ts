import type { AnyContract, AnyRequest } from '@belfry/contracts';
import type { BroadcastOnlyOptions, HandlingOptions, SubscribeOptions } from '@belfry/core';
import { type HandlerClass, placeOf } from './handler-class.js';

/** What one `@Subscribe` says. */
interface SubscribeRecord {
  readonly kind: 'subscribe';
  /** As it was written: a contract, several, or a pattern. */
  readonly source: AnyContract | readonly AnyContract[] | string;
  readonly options: SubscribeOptions | BroadcastOnlyOptions;
}

/** What one `@Respond` says. */
interface RespondRecord {
  readonly kind: 'respond';
  readonly contract: AnyRequest;
  readonly options: HandlingOptions;
}

export type HandlerRecord = SubscribeRecord | RespondRecord;

/** Where a decorator stands. */
interface Decorated {
  readonly handlerClass: HandlerClass;
  readonly method: string | symbol;
  /** For people: `Billing.charge`. */
  readonly place: string;
}

/** One `@Subscribe` of a handler class. */
export interface HandlerSubscription extends SubscribeRecord, Decorated {}

/** One `@Respond` of a handler class. */
export interface HandlerResponder extends RespondRecord, Decorated {}

/** One decorator of a handler class; `kind` tells which. */
export type DecoratedHandler = HandlerSubscription | HandlerResponder;

type Records = Map<string | symbol, HandlerRecord[]>;

// Legacy decorators know the prototype (or, on a static method, the class): so a decorator above that wraps the method does no harm.
const byOwner = new WeakMap<object, Records>();
// Standard decorators know only the method.
const byMethod = new WeakMap<object, HandlerRecord[]>();

/** Decorators run from the bottom up; what is written first shall come first. */
export function recordOn(owner: object, method: string | symbol, record: HandlerRecord): void {
  const records: Records = byOwner.get(owner) ?? new Map();
  records.set(method, [record, ...(records.get(method) ?? [])]);
  byOwner.set(owner, records);
}

export function recordOnMethod(method: object, record: HandlerRecord): void {
  byMethod.set(method, [record, ...(byMethod.get(method) ?? [])]);
}

function recordsOf(owner: object): Records {
  const records: Records = new Map(byOwner.get(owner));
  for (const name of Reflect.ownKeys(owner)) {
    const value: unknown = Object.getOwnPropertyDescriptor(owner, name)?.value;
    const found = typeof value === 'function' ? byMethod.get(value) : undefined;
    if (found !== undefined) records.set(name, found);
  }
  return records;
}

/**
 * Everything that a class handles, with what it inherits. An override without a decorator of its own keeps what the base method says; one
 * with a decorator, of either kind, replaces it.
 */
export function handlersOf(handlerClass: HandlerClass): readonly DecoratedHandler[] {
  const inherited: Records = new Map();
  for (const prototype of chainOf(handlerClass.prototype).reverse()) {
    for (const [method, records] of recordsOf(prototype)) inherited.set(method, records);
  }
  return Array.from(inherited, ([method, records]) =>
    records.map((record) => ({ ...record, handlerClass, method, place: placeOf(handlerClass, method) })),
  ).flat();
}

/** Everything that a class subscribes to: of {@link handlersOf} what `@Subscribe` says. */
export const subscriptionsOf = (handlerClass: HandlerClass): readonly HandlerSubscription[] =>
  handlersOf(handlerClass).filter((handler) => handler.kind === 'subscribe');

/** Static methods that were decorated by mistake. */
export const decoratedStatics = (handlerClass: HandlerClass): readonly string[] =>
  chainOf(handlerClass).flatMap((owner) =>
    Array.from(recordsOf(owner).keys(), (method) => placeOf(handlerClass, method)),
  );

function chainOf(start: object): object[] {
  const chain: object[] = [];
  for (let next: object | null = start; next !== null && next !== Object.prototype && next !== Function.prototype; ) {
    chain.push(next);
    next = Object.getPrototypeOf(next) as object | null;
  }
  return chain;
}
