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
  /** Which attempt this is, from 1: of a durable event. Always 1 for a transient one. */
  readonly attempt: number;
  /**
   * Of a durable event: acknowledges it now, and runs these commands in the same step: all of it happens, or nothing. See {@link Commit}.
   */
  readonly commit: Commit;
  /**
   * Aborts when the service stops and the time for draining is over; of a durable event also when it was given to another instance, because
   * this one gave no sign of life for longer than its claim timeout. Its `reason` says which (`BUS_CLOSED`, `CLAIM_LOST`).
   */
  readonly signal: AbortSignal;
}

/** One Redis command: its name and its arguments, like `['HINCRBY', 'counts', 'ORD', 1]`. */
export type Command = readonly [name: string, ...args: (string | number)[]];

/**
 * Acknowledges the durable event being handled, together with effects in the same Redis, in one step: an event whose commit was accepted
 * is not handled again, and one whose commit was not has left no trace. Call it last, once; what the handler returns or throws afterwards
 * changes nothing. Keys are taken literally; on a Cluster they must be in the slot of the event's channel, which has the hash tag
 * `{namespace:name}`. Redis does not roll back: a command that Redis refuses at run time, for example for a key of the wrong type, leaves
 * those before it done.
 * @throws BelfryError `CLAIM_LOST`: another instance has the event, and nothing was done; `COMMIT_REFUSED`: Redis refused a command, and the
 * event is not acknowledged; `UNSUPPORTED`: the event is transient or broadcast, or the transport has nothing to commit to; `OPTION_INVALID`;
 * `BUS_CLOSED`
 */
export type Commit = (...commands: readonly Command[]) => Promise<void>;

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
