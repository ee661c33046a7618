import { type AnyContract, BelfryError, type EventContract } from '@belfry/contracts';
import { type Commit, type MessageContext, runInContext } from './context.js';
import { decodeEnvelope, type Envelope, extensionsOf, timeOf } from './envelope.js';
import { type Middleware, runThrough } from './middleware.js';
import type { RejectReason } from './rejections.js';

// What both guarantees do with an event that has arrived, up to the call of its handler.

/** An envelope that fits its channel, or why it does not. */
export type Opened =
  | { readonly envelope: Envelope; readonly version: string; readonly reason?: undefined }
  | { readonly reason: RejectReason; readonly message: string; readonly envelope?: Envelope };

/** Reads an envelope, and compares it with the contract of the channel it came on. Never throws. */
export function openEnvelope(body: string, contract: EventContract | undefined): Opened {
  let envelope: Envelope;
  try {
    envelope = decodeEnvelope(body);
  } catch (error) {
    return { reason: 'unreadable', message: (error as BelfryError).message };
  }
  const version = envelope.dataversion ?? '1';
  if (contract === undefined || (envelope.type === contract.name && version === String(contract.version)))
    return { envelope, version };
  const message = `It is not ${contract.name}, version ${contract.version}.`;
  return { reason: 'wrongContract', message, envelope };
}

/** What a context has beside what stands in the envelope. */
export interface Circumstances {
  readonly channel: string;
  readonly group: string | undefined;
  readonly attempt: number;
  readonly commit: Commit;
  /** Where the envelope does not say when it was published, in milliseconds. */
  readonly now: number;
  /** Or what makes it when a handler looks at it: to make one costs more than all the rest, and most never look. */
  readonly signal: AbortSignal | (() => AbortSignal);
}

export function contextOf(
  { envelope, version }: Extract<Opened, { version: string }>,
  data: unknown,
  { channel, group, attempt, commit, now, signal }: Circumstances,
): MessageContext {
  const context = {
    type: envelope.type,
    data,
    version: Number(version),
    messageId: envelope.id,
    source: envelope.source,
    time: timeOf(envelope) ?? new Date(now),
    group,
    key: envelope.partitionkey,
    correlationId: envelope.correlationid ?? envelope.id,
    causationId: envelope.causationid,
    traceparent: envelope.traceparent,
    tracestate: envelope.tracestate,
    extensions: extensionsOf(envelope),
    channel,
    attempt,
    commit,
    signal,
  };
  if (typeof signal === 'function') Object.defineProperty(context, 'signal', { get: signal });
  return context as MessageContext;
}

/** Calls a handler inside its context, through the middleware. Throws or rejects as they do. */
export const callHandler = (
  handler: (data: unknown, context: MessageContext) => unknown,
  middleware: readonly Middleware[],
  contract: AnyContract | undefined,
  context: MessageContext,
): unknown =>
  runInContext(context, () => {
    if (middleware.length === 0) return handler(context.data, context);
    const call = { side: 'handle' as const, contract, data: context.data as unknown, context };
    return runThrough(middleware, call, async () => handler(call.data, context));
  });

export const isPromiseLike = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

/** What a transient event and a bare payload have in place of a commit. */
export const noCommit: Commit = () =>
  Promise.reject(
    new BelfryError('UNSUPPORTED', {
      message: 'what is being handled is not acknowledged, so there is nothing to commit together with.',
      hint: "commit() is for durable events that a group shares: guarantee: 'durable', no broadcast.",
    }),
  );
