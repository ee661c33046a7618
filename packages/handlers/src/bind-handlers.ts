import { BelfryError } from '@belfry/contracts';
import {
  type Bus,
  type MessageContext,
  Publisher,
  type RequestContext,
  Requester,
  type Responder,
  type Subscription,
} from '@belfry/core';
import type { Container, ServiceIdentifier } from 'inversify';
import { checkedHandlers } from './find-mistakes.js';
import { groupOf, titleOf } from './handled.js';
import type { HandlerClass } from './handler-class.js';
import type { DecoratedHandler } from './handler-records.js';
import { bindHandlerClass, unresolved } from './make-resolvable.js';
import { isMessageScoped } from './message-scoped.js';
import { Mistakes } from './mistakes.js';
import { resolutionPlanner } from './plan-resolution.js';
import { usagesOfHandler } from './usages.js';

/** A handler that runs. */
export interface BoundHandler {
  /** Whether it handles events or answers requests. */
  readonly kind: 'subscribe' | 'respond';
  /** `Billing.charge` */
  readonly place: string;
  /** The contracts' names, or the pattern. */
  readonly title: string;
  /** The group that shares the work, for requests the whole service; absent for a broadcast. */
  readonly group: string | undefined;
  readonly subscription: Subscription | Responder;
}

type Call = (data: unknown, context: MessageContext | RequestContext) => unknown;
type Instance = Record<string | symbol, Call>;

/**
 * Subscribes and responds with the decorated methods of handler classes, on instances that the container makes: one of each class, or
 * for `@MessageScoped()` classes one per message. Binds the classes that are not bound yet, and {@link Publisher} and {@link Requester}
 * to the bus. Either all of them run or, when it rejects, none. Everything that can be known before is found before the first.
 * @throws BelfryError `HANDLER_INVALID`: no decorated method, or a static one; `HANDLER_UNRESOLVED`: the container cannot make it;
 * `DUPLICATE_HANDLER`: two for one event in one group, or two that respond to one request; and whatever `bus.subscribe` and `bus.respond`
 * say. Several mistakes are one error; `TRANSPORT_UNAVAILABLE` and `RIGHTS_MISSING` stand alone.
 */
export async function bindHandlers(
  bus: Bus,
  container: Container,
  handlers: readonly HandlerClass[],
): Promise<readonly BoundHandler[]> {
  const mistakes = new Mistakes();
  const decorated = await checkedHandlers(bus, handlers, mistakes);
  if (!container.isCurrentBound(Publisher)) container.bind(Publisher).toConstantValue(bus);
  if (!container.isCurrentBound(Requester)) container.bind(Requester).toConstantValue(bus);
  const classes = [...new Set(decorated.map(({ handlerClass }) => handlerClass))];
  bindClasses(classes, container, mistakes);
  mistakes.throwIfAny(bus.name);
  const resolvers = await resolversOf(classes, container, mistakes);
  mistakes.throwIfAny(bus.name);

  await bus.open(decorated.flatMap((handler) => usagesOfHandler(handler, bus)));
  const settled = await Promise.allSettled(
    decorated.map((handler) => run(bus, handler, resolvers.get(handler.handlerClass)!)),
  );
  const bound = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (bound.length < settled.length) {
    await Promise.allSettled(bound.map(({ subscription }) => subscription.end()));
    const reasons: unknown[] = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    throwIfUnavailable(reasons);
    for (const reason of reasons) mistakes.addThrown(reason);
    mistakes.throwIfAny(bus.name);
  }
  return bound;
}

/** One outage, however many handlers met it; if there is a choice, told of one of theirs and not of the transport's own channels. */
function throwIfUnavailable(reasons: readonly unknown[]): void {
  const outages = reasons.filter((reason) => BelfryError.is(reason) && reason.code === 'TRANSPORT_UNAVAILABLE');
  if (outages.length > 0) throw outages.find((outage) => !/:probe\b|the inbox of/.test(String(outage))) ?? outages[0];
}

function bindClasses(classes: readonly HandlerClass[], container: Container, mistakes: Mistakes): void {
  const plan = resolutionPlanner(container);
  for (const handlerClass of classes) {
    try {
      bindHandlerClass(container, handlerClass, isMessageScoped(handlerClass) ? 'message' : 'singleton');
      plan(handlerClass as ServiceIdentifier);
    } catch (error) {
      mistakes.add('HANDLER_UNRESOLVED', unresolved(handlerClass, error));
    }
  }
}

/** Gives the instance for a message. */
type Resolver = () => Instance | Promise<Instance>;

async function resolversOf(
  classes: readonly HandlerClass[],
  container: Container,
  mistakes: Mistakes,
): Promise<ReadonlyMap<HandlerClass, Resolver>> {
  const resolvers = new Map<HandlerClass, Resolver>();
  for (const handlerClass of classes) {
    const make = () => container.getAsync<Instance>(handlerClass as ServiceIdentifier<Instance>);
    if (isMessageScoped(handlerClass)) {
      resolvers.set(handlerClass, make);
      continue;
    }
    try {
      const instance = await make();
      resolvers.set(handlerClass, () => instance);
    } catch (error) {
      mistakes.add('HANDLER_UNRESOLVED', unresolved(handlerClass, error));
    }
  }
  return resolvers;
}

async function run(bus: Bus, handler: DecoratedHandler, resolve: Resolver): Promise<BoundHandler> {
  const { kind, method, place } = handler;
  const call: Call = (data, context) => {
    const instance = resolve();
    if (instance instanceof Promise) return instance.then((made) => made[method]!(data, context));
    return instance[method]!(data, context);
  };
  const subscription =
    handler.kind === 'respond'
      ? await bus.respond(handler.contract, call, handler.options)
      : // The overloads of subscribe are for people; the decorator has checked the same.
        await bus.subscribe(handler.source as string, call, handler.options as object);
  return { kind, place, title: titleOf(handler), group: groupOf(handler, bus.name), subscription };
}
