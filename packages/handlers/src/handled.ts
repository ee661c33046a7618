import type { AnyContract } from '@belfry/contracts';
import type { SubscribeOptions } from '@belfry/core';
import type { DecoratedHandler, HandlerSubscription } from './handler-records.js';

/** For people: the contracts' names, or the pattern. */
export function titleOf(handler: DecoratedHandler): string {
  if (handler.kind === 'respond') return handler.contract.channel;
  if (typeof handler.source === 'string') return handler.source;
  return contractsOf(handler)
    .map(({ channel }) => channel)
    .join(', ');
}

/** The group that shares the work; `undefined` for a broadcast. Says nothing about options that are wrong. */
export function groupOf(handler: DecoratedHandler, service: string): string | undefined {
  if (handler.kind === 'respond') return service;
  const { group = service, broadcast = false } = (handler.options ?? {}) as SubscribeOptions;
  const contracts = contractsOf(handler);
  const shared = contracts.length > 0 && contracts.every((contract) => contract?.kind === 'event');
  return shared && !broadcast ? group : undefined;
}

/** What is subscribed to; nothing for a pattern. */
export function contractsOf({ source }: HandlerSubscription): readonly AnyContract[] {
  if (typeof source === 'string') return [];
  return Array.isArray(source) ? (source as readonly AnyContract[]) : [source as AnyContract];
}
