import { AsyncLocalStorage } from 'node:async_hooks';
import type { AnyContract, AnyRequest, EventData, RequestInput } from '@belfry/contracts';
import type { ExtensionValue } from './envelope.js';

/** What travels from a message into everything that its handler publishes and asks, and into its log lines. */
export interface Causality {
  /** The message that everything in this flow goes back to. */
  readonly correlationId: string;
  /** The message being handled: nested publishes and requests carry it as their cause. */
  readonly messageId?: string | undefined;
  /** W3C trace context, passed on unchanged. https://www.w3.org/TR/trace-context */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** When all of this must be over: nested requests wait no longer. */
  readonly deadline?: Date | undefined;
  /** Aborts when nobody wants the outcome any more: nested requests end with it. */
  readonly signal?: AbortSignal | undefined;
}

/** What the contexts of events and of requests have in common. */
interface Incoming extends Causality {
  readonly version: number;
  readonly messageId: string;
  /** The group that this handler shares the work with; absent for a broadcast. */
  readonly group: string | undefined;
  /** The key that this message was ordered by. */
  readonly key: string | undefined;
  /** The message that caused this one. */
  readonly causationId: string | undefined;
  /** CloudEvents extension attributes that Belfry gives no meaning to. */
  readonly extensions: Readonly<Record<string, ExtensionValue>>;
  /** The channel that it came on: with the namespace, and the version if that is not the first. */
  readonly channel: string;
}

/** Everything about the message being handled, beside its data. For several contracts a union, discriminated by `type`. */
export type MessageContext<C extends AnyContract = AnyContract> = C extends AnyContract ? ContextOf<C> : never;

interface ContextOf<C extends AnyContract> extends Incoming {
  /** The contract's name. */
  readonly type: C['name'];
  /** The same data that the handler gets as its first argument: here `type` narrows it. */
  readonly data: EventData<C>;
  /** `/service/instance` of the publisher; absent on a bare channel. */
  readonly source: string | undefined;
  /** When it was published; on a bare channel, when it arrived. */
  readonly time: Date;
  /** Aborts when the service stops and the time for draining is over. */
  readonly signal: AbortSignal;
}

/** Everything about the request being handled, beside its input. */
export interface RequestContext<C extends AnyRequest = AnyRequest> extends Incoming {
  /** The contract's name. */
  readonly type: C['name'];
  /** The same input that the handler gets as its first argument. */
  readonly data: RequestInput<C>;
  /** `/service/instance` of the caller. */
  readonly source: string;
  /** When it was asked. */
  readonly time: Date;
  /** Until when the caller waits, on this machine's clock. While a generator runs: for its next value. */
  readonly deadline: Date;
  /**
   * Aborts at the deadline, when the caller aborts or has died, and when the service stops and the time for draining is over. Its `reason`
   * says which. Give it to whatever takes long.
   */
  readonly signal: AbortSignal;
}

const storage = new AsyncLocalStorage<Causality>();

/** The message being handled here, or what {@link runInContext} was given; `undefined` outside of both. */
export const currentContext = (): Causality | undefined => storage.getStore();

/** Runs `work` so that everything published in it belongs to the given flow: for an HTTP request, a job, a test. */
export const runInContext = <T>(causality: Causality, work: () => T): T => storage.run(causality, work);
