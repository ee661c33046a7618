import { AsyncLocalStorage } from 'node:async_hooks';
import type { AnyContract, EventData } from '@belfry/contracts';
import type { ExtensionValue } from './envelope.js';

/** What travels from a message into everything that its handler publishes, and into its log lines. */
export interface Causality {
  /** The message that everything in this flow goes back to. */
  readonly correlationId: string;
  /** The message being handled: nested publishes carry it as their cause. */
  readonly messageId?: string | undefined;
  /** W3C trace context, passed on unchanged. https://www.w3.org/TR/trace-context */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

/** Everything about the message being handled, beside its data. For several contracts a union, discriminated by `type`. */
export type MessageContext<C extends AnyContract = AnyContract> = C extends AnyContract ? ContextOf<C> : never;

interface ContextOf<C extends AnyContract> extends Causality {
  /** The contract's name. */
  readonly type: C['name'];
  /** The same data that the handler gets as its first argument: here `type` narrows it. */
  readonly data: EventData<C>;
  readonly version: number;
  readonly messageId: string;
  /** `/service/instance` of the publisher; absent on a bare channel. */
  readonly source: string | undefined;
  /** When it was published; on a bare channel, when it arrived. */
  readonly time: Date;
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
  /** Aborts when the service stops and the time for draining is over. */
  readonly signal: AbortSignal;
}

const storage = new AsyncLocalStorage<Causality>();

/** The message being handled here, or what {@link runInContext} was given; `undefined` outside of both. */
export const currentContext = (): Causality | undefined => storage.getStore();

/** Runs `work` so that everything published in it belongs to the given flow: for an HTTP request, a job, a test. */
export const runInContext = <T>(causality: Causality, work: () => T): T => storage.run(causality, work);
