import { type AnyContract, BelfryError, type EventContract } from '@belfry/contracts';
import { type Commit, type MessageContext, runInContext } from './context.js';
import { decodeEnvelope, type Envelope, extensionsOf, type SharedAttributes, timeOf } from './envelope.js';
import { type Middleware, runThrough } from './middleware.js';
import type { RejectReason } from './rejections.js';

// What both guarantees do with an event that has arrived, up to the call of its handler.

/** An envelope that fits its channel, or why it does not. */
export type Opened =
  | { readonly envelope: Envelope; readonly version: string; readonly reason?: undefined }
  | { readonly reason: RejectReason; readonly message: string; readonly envelope?: Envelope };

/** An envelope that fits its channel. */
export type Fit = Extract<Opened, { version: string }>;

/** Reads an envelope, and compares it with the contract of the channel it came on. Never throws. */
export function openEnvelope(body: string, contract: EventContract | undefined, shared?: SharedAttributes): Opened {
  let envelope: Envelope;
  try {
    envelope = decodeEnvelope(body, shared);
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

/** What it is made from. No private field: what stands before a context, like a proxy, has none. */
const from = Symbol('from');

/** What a handler is told beside the data. What most handlers never look at is made when one does. */
class EventContext {
  readonly type: string;
  readonly version: number;
  readonly messageId: string;
  readonly source: string;
  readonly group: string | undefined;
  readonly key: string | undefined;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly channel: string;
  readonly attempt: number;
  readonly commit: Commit;
  readonly [from]: { readonly envelope: Envelope; readonly circumstances: Circumstances };

  constructor(
    { envelope, version }: Fit,
    readonly data: unknown,
    circumstances: Circumstances,
  ) {
    this[from] = { envelope, circumstances };
    this.type = envelope.type;
    this.version = Number(version);
    this.messageId = envelope.id;
    this.source = envelope.source;
    this.group = circumstances.group;
    this.key = envelope.partitionkey;
    this.correlationId = envelope.correlationid ?? envelope.id;
    this.causationId = envelope.causationid;
    this.traceparent = envelope.traceparent;
    this.tracestate = envelope.tracestate;
    this.channel = circumstances.channel;
    this.attempt = circumstances.attempt;
    this.commit = circumstances.commit;
  }

  get time(): Date {
    return timeOf(this[from].envelope) ?? new Date(this[from].circumstances.now);
  }

  get extensions(): MessageContext['extensions'] {
    return extensionsOf(this[from].envelope);
  }

  get signal(): AbortSignal {
    const { signal } = this[from].circumstances;
    return typeof signal === 'function' ? signal() : signal;
  }
}

export const contextOf = (opened: Fit, data: unknown, circumstances: Circumstances): MessageContext =>
  new EventContext(opened, data, circumstances) as MessageContext;

/** Calls a handler inside its context, through the middleware. Throws or rejects as they do. */
export function callHandler(
  handler: (data: unknown, context: MessageContext) => unknown,
  middleware: readonly Middleware[],
  contract: AnyContract | undefined,
  context: MessageContext,
): unknown {
  if (middleware.length === 0) return runInContext(context, () => handler(context.data, context));
  const call = { side: 'handle' as const, contract, data: context.data as unknown, context };
  return runInContext(context, () => runThrough(middleware, call, async () => handler(call.data, context)));
}

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
