import type { HandleCall, Middleware, RespondCall } from '@belfry/core';
import type { Activity } from './activity.js';
import { inLine, localName } from './envelopes.js';
import type { Facts, Failed, Handled } from './facts.js';

/** What is handled where. */
export interface HandlerObserver {
  readonly identity: { readonly service: string; readonly instance: string };
  readonly namespace: string;
  readonly facts: Facts;
  readonly activity: Activity;
  readonly now: () => number;
  /** The instance has crashed: what its handlers still do is not heard of. */
  readonly isGone: () => boolean;
}

/** Writes down which handlers run, and how each comes to its end. */
export function observing({ identity, namespace, facts, activity, now, isGone }: HandlerObserver): Middleware {
  const handlingOf = (call: HandleCall | RespondCall) => {
    const { type, channel, messageId: id, group } = call.context;
    const attempt = 'attempt' in call.context ? call.context.attempt : 1;
    const happening = { type, channel: localName(channel, namespace), by: identity.service, at: new Date(now()) };
    return { ...happening, data: call.data, id, group, attempt, context: call.context };
  };
  return async (call, next) => {
    if (call.side === 'publish' || call.side === 'request') return next();
    const { messageId, type, attempt } = { attempt: 1, ...call.context };
    const again = attempt > 1 ? `, attempt ${attempt}` : '';
    const title = `${type} ${inLine(call.data)} by ${identity.service}${again}`;
    const running = { messageId, title, instance: identity.instance, since: now() };
    activity.begin(running);
    try {
      const output = await next();
      if (!isGone()) facts.add({ ...handlingOf(call), did: 'handled', output } as Handled);
      return output;
    } catch (error) {
      const isAnswer = call.side === 'respond' && call.contract.isError(error as never);
      const how = isAnswer ? { did: 'handled', output: error } : { did: 'failed', error };
      if (!isGone()) facts.add({ ...handlingOf(call), ...how } as Handled | Failed);
      throw error;
    } finally {
      activity.end(running);
    }
  };
}
