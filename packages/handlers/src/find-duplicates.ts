import { isRequest } from '@belfry/contracts';
import { contractsOf, groupOf } from './handled.js';
import { nameOf } from './handler-class.js';
import type { DecoratedHandler, HandlerResponder, HandlerSubscription } from './handler-records.js';
import type { Mistakes } from './mistakes.js';

/** Finds `DUPLICATE_HANDLER`: two handlers of one event in one group, two responders to one request. */
export function findDuplicates(handlers: readonly DecoratedHandler[], service: string, mistakes: Mistakes): void {
  const subscriptions = new Map<string, HandlerSubscription>();
  const responders = new Map<string, HandlerResponder>();
  for (const handler of handlers) {
    if (handler.kind === 'respond') findSecondResponder(handler, responders, mistakes);
    else findSecondSubscription(handler, service, subscriptions, mistakes);
  }
}

function findSecondSubscription(
  subscription: HandlerSubscription,
  service: string,
  taken: Map<string, HandlerSubscription>,
  mistakes: Mistakes,
): void {
  const group = groupOf(subscription, service);
  if (group === undefined) return;
  for (const { channel } of new Set(contractsOf(subscription))) {
    const first = taken.get(`${channel} ${group}`);
    if (first === undefined) taken.set(`${channel} ${group}`, subscription);
    else reportSubscriptions(channel, group, first, subscription, mistakes);
  }
}

function reportSubscriptions(
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

function findSecondResponder(
  responder: HandlerResponder,
  taken: Map<string, HandlerResponder>,
  mistakes: Mistakes,
): void {
  const { contract, place } = responder;
  if (!isRequest(contract)) return; // the rehearsal tells
  const first = taken.get(contract.channel);
  if (first === undefined) {
    taken.set(contract.channel, responder);
    return;
  }
  mistakes.add('DUPLICATE_HANDLER', {
    message: `${first.place} and ${place} both respond to ${contract.channel}: each request would be answered by only one of them.`,
    hint: 'A contract has one responder in a service: answer in one method, and take @Respond away from the other.',
  });
}

const kebab = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
