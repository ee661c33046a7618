import type { AnyContract } from '@belfry/contracts';
import type { MessageContext } from './context.js';
import type { ExtensionValue } from './envelope.js';

/** One message on its way out or in. */
export type Call = PublishCall | HandleCall;

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

/**
 * Goes around every publish and every handler of a bus: one shape on both sides, `call.side` tells which.
 * Call `next()` once to go on; its result is the receipt, or what the handler returned. Throw to refuse.
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
