import type { AnyContract, AnyRequest } from '@belfry/contracts';
import type { MessageContext, RequestContext } from './context.js';
import type { ExtensionValue } from './envelope.js';

/** One message on its way out or in. */
export type Call = PublishCall | HandleCall | RequestCall | RespondCall;

/** A message about to be published. What is changed here is what travels: it is validated afterwards. */
export interface PublishCall {
  readonly side: 'publish';
  readonly contract: AnyContract;
  data: unknown;
  /** CloudEvents extension attributes to send along: names of lower-case letters and digits. */
  extensions: Record<string, ExtensionValue>;
}

/** A message about to be handled: it has been read and validated. */
export interface HandleCall {
  readonly side: 'handle';
  /** Absent where a pattern was subscribed to. */
  readonly contract: AnyContract | undefined;
  /** What the handler will get. */
  data: unknown;
  readonly context: MessageContext;
}

/** A request about to be asked. What is changed here is what travels: it is validated afterwards. */
export interface RequestCall {
  readonly side: 'request';
  readonly contract: AnyRequest;
  data: unknown;
  /** CloudEvents extension attributes to send along: names of lower-case letters and digits. */
  extensions: Record<string, ExtensionValue>;
}

/** A request about to be answered: it has been read and validated. What `next()` gives back is validated afterwards. */
export interface RespondCall {
  readonly side: 'respond';
  readonly contract: AnyRequest;
  /** What the handler will get. */
  data: unknown;
  readonly context: RequestContext;
}

/**
 * Goes around every publish, every request and every handler of a bus: one shape on all sides, `call.side` tells which.
 * Call `next()` once to go on; its result is the receipt, the answer (of a stream: its iterator), or what the handler returned. Throw to
 * refuse. An error that a request's contract declares is thrown to middleware, whether the handler threw it or returned it.
 */
export type Middleware = (call: Call, next: () => Promise<unknown>) => Promise<unknown>;

/** Calls the layers from the outermost (the first) to `last`. */
export function runThrough<T>(layers: readonly Middleware[], call: Call, last: () => Promise<T>): Promise<T> {
  const from = (index: number): Promise<unknown> => {
    const layer = layers[index];
    if (layer === undefined) return last();
    let called = false;
    return layer(call, () => {
      if (called) return Promise.reject(new Error('A middleware called next() twice.'));
      called = true;
      return from(index + 1);
    });
  };
  return from(0) as Promise<T>;
}
