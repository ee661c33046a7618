import type { AnyRequest } from '@belfry/contracts';
import type { RequestContext } from './context.js';
import type { Deadline } from './deadline.js';
import { type Envelope, extensionsOf, timeOf } from './envelope.js';

export interface RequestPlace {
  readonly contract: AnyRequest;
  readonly group: string;
  /** With its namespace. */
  readonly channel: string;
}

/** What a handler is told of the request that it handles. @param now in milliseconds since 1970: for a request that does not say when it was asked */
export const requestContextOf = (
  envelope: Envelope,
  data: unknown,
  deadline: Deadline,
  place: RequestPlace,
  now: number,
): RequestContext => new Incoming(envelope, data, deadline, place, now) as unknown as RequestContext;

/** Its deadline. No private field: what stands before a context, like a proxy, has none. */
const its = Symbol('deadline');

/** A class, because an object literal with getters is made a hundred times slower. */
class Incoming {
  readonly type: string;
  readonly data: unknown;
  readonly version: number;
  readonly messageId: string;
  readonly source: string;
  readonly time: Date;
  readonly group: string;
  readonly key: string | undefined;
  readonly correlationId: string;
  readonly causationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  readonly extensions: RequestContext['extensions'];
  readonly channel: string;
  readonly [its]: Deadline;

  constructor(
    envelope: Envelope,
    data: unknown,
    deadline: Deadline,
    { contract, group, channel }: RequestPlace,
    now: number,
  ) {
    this.type = contract.name;
    this.data = data;
    this.version = contract.version;
    this.messageId = envelope.id;
    this.source = envelope.source;
    this.time = timeOf(envelope) ?? new Date(now);
    this.group = group;
    this.key = envelope.partitionkey;
    this.correlationId = envelope.correlationid ?? envelope.id;
    this.causationId = envelope.causationid;
    this.traceparent = envelope.traceparent;
    this.tracestate = envelope.tracestate;
    this.extensions = extensionsOf(envelope);
    this.channel = channel;
    this[its] = deadline;
    // Its own, so that a copy of the context has them too.
    Object.defineProperty(this, 'deadline', Incoming.#ownDeadline);
    Object.defineProperty(this, 'signal', Incoming.#ownSignal);
  }

  /** Until when the caller waits: of a stream it moves. */
  static readonly #ownDeadline: PropertyDescriptor & ThisType<Incoming> = {
    enumerable: true,
    get() {
      return new Date(Math.min(this[its].date, LATEST));
    },
  };

  /** Made when somebody asks for it. */
  static readonly #ownSignal: PropertyDescriptor & ThisType<Incoming> = {
    enumerable: true,
    get() {
      return this[its].signal;
    },
  };
}

/** The latest time that a Date can say. */
const LATEST = 8_640_000_000_000_000;
