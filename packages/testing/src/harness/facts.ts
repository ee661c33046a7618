import type {
  AnyContract,
  AnyEvent,
  AnyRequest,
  EventData,
  EventInput,
  RequestInput,
  RequestOutput,
  RequestPayload,
} from '@belfry/contracts';
import type { DeathReason, MessageContext, Receipt, RequestContext } from '@belfry/core';

/** What a handler can be written for. */
export type Handleable = AnyContract | AnyRequest;

/** What all that happened has in common. */
interface Happening {
  /** The contract's name. */
  readonly type: string;
  /** The contract's channel, without the namespace: the name, and the version if that is not the first. */
  readonly channel: string;
  /** The service that did it: for the test itself `test`. */
  readonly by: string;
  /** When, on the clock of the harness. */
  readonly at: Date;
}

/** An event that was published, or a payload on a bare channel. */
export interface Published<C extends AnyContract = AnyContract> extends Happening {
  readonly did: 'published';
  /** What travels: the schema's input. */
  readonly data: EventInput<C>;
  /** Absent on a bare channel. */
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly correlationId: string | undefined;
  readonly causationId: string | undefined;
  readonly receipt: Receipt;
}

/** A request that was asked. */
export interface Asked<C extends AnyRequest = AnyRequest> extends Happening {
  readonly did: 'asked';
  /** What travels: the input of the contract's schema. */
  readonly data: RequestPayload<C>;
  readonly id: string;
  readonly key: string | undefined;
  readonly correlationId: string | undefined;
  readonly causationId: string | undefined;
}

/** What a handler gets. */
export type HandledData<C extends Handleable> = C extends AnyRequest
  ? RequestInput<C>
  : C extends AnyContract
    ? EventData<C>
    : never;

/** A message whose handler came to its end: also a request that was answered with an error that its contract declares. */
export interface Handled<C extends Handleable = Handleable> extends Happening {
  readonly did: 'handled';
  /** What the handler got: the schema's output. */
  readonly data: HandledData<C>;
  readonly id: string;
  /** Absent for a broadcast. */
  readonly group: string | undefined;
  /** Which attempt it was, from 1. */
  readonly attempt: number;
  readonly context: MessageContext | RequestContext;
  /** What a request was answered with; for a stream the iterator. */
  readonly output: C extends AnyRequest ? RequestOutput<C> : unknown;
}

/** A message whose handler threw. */
export interface Failed<C extends Handleable = Handleable> extends Omit<Handled<C>, 'did' | 'output'> {
  readonly did: 'failed';
  readonly error: unknown;
}

/** A durable event that a group has given up. */
export interface DeadLettered<C extends AnyEvent = AnyEvent> extends Happening {
  readonly did: 'deadLettered';
  /** As it was published: perhaps it does not fit the schema. */
  readonly data: EventInput<C>;
  readonly id: string | undefined;
  readonly group: string;
  readonly attempts: number;
  readonly reason: DeathReason;
}

/** Anything that happened. */
export type Fact = Published | Asked | Handled | Failed | DeadLettered;

/** Everything that happened, in its order. */
export class Facts {
  readonly #known: { readonly order: number; readonly fact: Fact }[] = [];
  readonly #listeners = new Set<(fact: Fact) => void>();
  #orders = 0;

  get all(): readonly Fact[] {
    return this.#known.map(({ fact }) => fact);
  }

  /** A place in the order for something whose outcome is not known yet. */
  order(): number {
    return this.#orders++;
  }

  add(fact: Fact, order = this.order()): void {
    let place = this.#known.length;
    while (place > 0 && this.#known[place - 1]!.order > order) place--;
    this.#known.splice(place, 0, { order, fact });
    for (const listener of [...this.#listeners]) listener(fact);
  }

  /** Calls the listener whenever something has happened. Returns what ends it. */
  onFact(listener: (fact: Fact) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
