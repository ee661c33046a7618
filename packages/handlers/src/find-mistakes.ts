import { type AnyContract, BelfryError } from '@belfry/contracts';
import { type Bus, createBus, type SubscribeOptions, silentLogger, type Transport } from '@belfry/core';
import { type HandlerClass, nameOf } from './handler-class.js';
import { decoratedStatics, type HandlerSubscription, subscriptionsOf } from './handler-records.js';
import type { Mistakes } from './mistakes.js';

/** Everything that the classes subscribe to. Finds `HANDLER_INVALID`, `DUPLICATE_HANDLER`, `OPTION_INVALID` and `CONTRACT_INVALID`. */
export async function checkedSubscriptions(
  bus: Bus,
  handlers: readonly HandlerClass[],
  mistakes: Mistakes,
): Promise<readonly HandlerSubscription[]> {
  const classes = classesOf(handlers, mistakes);
  const subscriptions = classes.flatMap(subscriptionsOf);
  findDuplicates(subscriptions, bus.name, mistakes);
  await rehearse(subscriptions, bus, mistakes);
  return subscriptions;
}

function classesOf(handlers: readonly HandlerClass[], mistakes: Mistakes): HandlerClass[] {
  const classes = handlers.filter((handlerClass, index) => {
    if (typeof handlerClass === 'function' && typeof handlerClass.prototype === 'object') {
      return handlers.indexOf(handlerClass) === index;
    }
    mistakes.add('HANDLER_INVALID', {
      message: `the handler at position ${index} is no class.`,
      hint: 'List the classes themselves: handlers: [Billing].',
    });
    return false;
  });
  for (const handlerClass of classes) {
    const statics = decoratedStatics(handlerClass);
    for (const place of statics) {
      mistakes.add('HANDLER_INVALID', {
        message: `${place} is static, and handlers are called on an instance.`,
        hint: 'Take the word static away.',
      });
    }
    if (statics.length === 0 && subscriptionsOf(handlerClass).length === 0) {
      mistakes.add('HANDLER_INVALID', {
        message: `${nameOf(handlerClass)} handles nothing.`,
        hint: 'Decorate a method with @Subscribe(contract), or take the class out of the handlers and bind it in a module.',
      });
    }
  }
  return classes;
}

function findDuplicates(subscriptions: readonly HandlerSubscription[], service: string, mistakes: Mistakes): void {
  const taken = new Map<string, HandlerSubscription>();
  for (const subscription of subscriptions) {
    const group = groupOf(subscription, service);
    if (group === undefined) continue;
    for (const { channel } of new Set(contractsOf(subscription))) {
      const first = taken.get(`${channel} ${group}`);
      if (first === undefined) taken.set(`${channel} ${group}`, subscription);
      else reportDuplicate(channel, group, first, subscription, mistakes);
    }
  }
}

function reportDuplicate(
  channel: string,
  group: string,
  first: HandlerSubscription,
  second: HandlerSubscription,
  mistakes: Mistakes,
): void {
  const same = first.handlerClass === second.handlerClass;
  const suffix = kebab(same ? String(second.method) : nameOf(second.handlerClass)) || 'second';
  mistakes.add('DUPLICATE_HANDLER', {
    message: `${first.place} and ${second.place} both handle ${channel} in the group ${group}: each event would reach only one of them.`,
    hint: `Give ${second.place} a group of its own, @Subscribe(…, { group: '${group}.${suffix}' }), or let every instance have every event, { broadcast: true }, or do both in one method.`,
  });
}

/** The group that shares the work; `undefined` for a broadcast. Says nothing about options that are wrong. */
export function groupOf(subscription: HandlerSubscription, service: string): string | undefined {
  const { group = service, broadcast = false } = (subscription.options ?? {}) as SubscribeOptions;
  const contracts = contractsOf(subscription);
  const shared = contracts.length > 0 && contracts.every((contract) => contract?.kind === 'event');
  return shared && !broadcast ? group : undefined;
}

/** Nothing for a pattern. */
function contractsOf({ source }: HandlerSubscription): readonly AnyContract[] {
  if (typeof source === 'string') return [];
  return Array.isArray(source) ? (source as readonly AnyContract[]) : [source as AnyContract];
}

/** For people: the contracts' names, or the pattern. */
export const titleOf = (subscription: HandlerSubscription): string =>
  typeof subscription.source === 'string'
    ? subscription.source
    : contractsOf(subscription)
        .map(({ channel }) => channel)
        .join(', ');

/** Subscribes on a bus that leads nowhere: so the bus's own rules are asked before anything is subscribed in earnest. */
async function rehearse(subscriptions: readonly HandlerSubscription[], bus: Bus, mistakes: Mistakes): Promise<void> {
  const { name, namespace } = bus;
  const rehearsal = createBus({ name, namespace, transport: () => nowhere, logger: silentLogger });
  for (const { source, options, place } of subscriptions) {
    try {
      const subscription = await rehearsal.subscribe(source as string, () => {}, options as object);
      await subscription.end();
    } catch (error) {
      mistakes.add(BelfryError.is(error) ? error.code : 'OPTION_INVALID', {
        message: `${place}: ${plain(error)}`,
        cause: error,
      });
    }
  }
  await rehearsal.close();
}

/** Without the code in front of it. */
const plain = (error: unknown): string =>
  BelfryError.is(error) ? error.message.slice(error.code.length + 2) : String(error);

const nowhere: Transport = {
  unsupported: {},
  publish: async () => ({ broadcast: 0, groups: {} }),
  publishBare: async () => 0,
  subscribe: async () => ({ end: async () => {} }),
  audience: async () => ({ broadcast: 0, groups: {} }),
  bareAudience: async () => 0,
  close: async () => {},
};

const kebab = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
