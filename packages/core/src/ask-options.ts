import { type AnyRequest, BelfryError, isDuration, toMilliseconds } from '@belfry/contracts';
import { type Clock, dateOn } from './clock.js';
import { currentContext } from './context.js';
import { mistakeIn } from './outgoing.js';
import type { AskOptions } from './requester.js';

/** What is wrong with the options of a request; `undefined` when nothing is. */
export const mistakeInAsking = (contract: AnyRequest, options: AskOptions): BelfryError | undefined =>
  mistakeIn('request', contract, options, waiting) ?? mistakeInWaiting(contract, options);

const waiting = ['timeout', 'signal'];

function mistakeInWaiting({ channel }: AnyRequest, { timeout, signal }: AskOptions): BelfryError | undefined {
  if (timeout === undefined && signal === undefined) return undefined;
  const mistakes: string[] = [];
  if (timeout !== undefined && !(isDuration(timeout) && toMilliseconds(timeout) > 0))
    mistakes.push("timeout must be a duration longer than nothing, like '5s'");
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    mistakes.push('signal must be an AbortSignal');
  if (mistakes.length === 0) return undefined;
  return new BelfryError('OPTION_INVALID', { message: `a request of ${channel}: ${mistakes.join('; ')}.` });
}

/** How long to wait from now on: never longer than what is left of the request being handled. */
export function timeoutOf(contract: AnyRequest, options: AskOptions, clock: Clock, around = currentContext()): number {
  const own = toMilliseconds(options.timeout ?? contract.timeout);
  const deadline = around?.deadline; // of a stream that is being answered it moves
  return deadline === undefined ? own : Math.min(own, deadline.getTime() - dateOn(clock));
}

/** What may abort a request: its own signal, and that of the message being handled. */
export function signalsOf({ signal }: AskOptions): readonly AbortSignal[] {
  const around = currentContext()?.signal;
  if (around === undefined) return signal === undefined ? none : [signal];
  return signal === undefined ? [around] : [signal, around];
}

const none: readonly AbortSignal[] = [];
