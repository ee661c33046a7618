import type {
  AnyContract,
  AnyEvent,
  AnyRequest,
  DeclaredErrors,
  Duration,
  EventData,
  ReplyPayload,
  RequestInput,
} from '@belfry/contracts';
import type { BusEvent, BusEventMap, BusStatus } from './bus-events.js';
import type { MessageContext, RequestContext } from './context.js';
import type { DropPolicy } from './delivery-queue.js';
import type { Inspection } from './durable/inspection.js';
import type { RetryOptions } from './durable/retry.js';
import type { Publisher } from './publisher.js';
import type { SubscriptionStats } from './subscription-stats.js';
import type { ResponderStats } from './request-receiver.js';
import type { Requester, RequestStats } from './requester.js';
import type { Usage } from './usage.js';

/** What a handler is called with: the data (the output of the contract's schema), and everything else about the message. */
// No union of tuples for several contracts: the compiler would refuse a handler with one parameter.
export type HandlerArguments<C extends AnyContract> = [data: EventData<C>, context: MessageContext<C>];

/** Handles one message. What it returns is ignored; when it throws, that is logged and counted. */
export type Handler<C extends AnyContract> = (...args: HandlerArguments<C>) => unknown;

/** Handles whatever a pattern matches. */
export type PatternHandler = (data: unknown, context: MessageContext) => unknown;

/** What can be subscribed to: a contract, several of them, or a pattern of event names. */
export type SubscribeSource = AnyContract | readonly AnyContract[] | string;

/** One contract, or the union of several, or the pattern. */
export type SourceItem<S extends SubscribeSource> = S extends readonly (infer Item extends AnyContract)[]
  ? Item
  : Exclude<S, readonly AnyContract[]>;

/** What a function must look like to handle a source: fewer parameters are fine, and so is a promise. */
export type HandlerMethod<S extends SubscribeSource> =
  SourceItem<S> extends infer Item extends AnyContract ? Handler<Item> : PatternHandler;

/** How messages are handled, and how many may wait. */
export interface HandlingOptions {
  /** How many messages are handled at a time. They are started in order; with `1` they are handled in order. @default 16 */
  readonly concurrency?: number;
  /** Messages that may wait for their turn in this process; what comes on top is dropped, counted and logged. @default 100_000 */
  readonly maxQueuedMessages?: number;
  /** The same bound by size, in characters of the encoded messages. @default 4_194_304 */
  readonly maxQueuedBytes?: number;
}

/** What becomes of transient events and bare payloads that a subscription cannot keep up with. */
export interface OverflowOptions extends HandlingOptions {
  /**
   * Which are dropped when the queue is full: `newest`, what arrives; `oldest`, what has waited longest, where only the present counts. Before
   * that, when the queue is three quarters full, it is logged and told (`bus.on('pressure')`), and in a group the other members, if there are
   * any, get the work until half of it is done. @default 'newest'
   */
  readonly drop?: DropPolicy;
}

/** Who shares the work. */
export interface SubscribeOptions extends OverflowOptions {
  /** The group that shares the work: each event is handled once per group. @default the name of the bus */
  readonly group?: string;
  /**
   * Every instance handles every event. Of durable events: those from now on, also what came during an interruption; it is not acknowledged,
   * tried again within the process, and forgotten with it. @default false
   */
  readonly broadcast?: boolean;
  /** Of durable events: how often one is tried, and how long the pauses are. @default 10 attempts, with pauses of half a second to a minute */
  readonly retry?: RetryOptions;
  /**
   * Of durable events: an instance that has given no sign of life for so long loses what it holds to the others. A slow handler is no
   * reason, a blocked event loop is. Give it the same value in the whole group. @default '30s'
   */
  readonly claimTimeout?: Duration;
  /** Of durable events: where a group begins that has never been there, with everything that is retained or with what comes from now on. @default 'start' */
  readonly from?: 'start' | 'now';
  /** Of durable events: what the group has completed is dropped when it comes again within so long, by its id. @default not */
  readonly once?: Duration;
}

/** A bare channel or a pattern is always a broadcast: there is no group to share the work. */
export interface BroadcastOnlyOptions extends OverflowOptions {
  /** May be said, changes nothing. */
  readonly broadcast?: true;
}

/** The options that fit what is subscribed to: a group only where all of it are events. */
export type SubscribeOptionsFor<C extends AnyContract | string> = [C] extends [{ readonly kind: 'event' }]
  ? SubscribeOptions
  : BroadcastOnlyOptions;

/**
 * What answers a request: it returns the output, or throws or returns an error that the contract declares. With `stream` it is an async
 * generator, and each value that it yields is one of the answer's. What else it throws reaches the caller as `HANDLER_FAILED`.
 */
export type RequestHandler<C extends AnyRequest> = (input: RequestInput<C>, context: RequestContext<C>) => Answer<C>;

/**
 * What a request's handler returns. A generator may also end with `return contract.error(…)`. Where the answer may be `null`, returning nothing
 * says that. (In a decorated method a literal like `'a'` widens to `string`: write the return type, `ReplyPayload<typeof Contract>`.)
 */
export type Answer<C extends AnyRequest> = C['stream'] extends true
  ? // biome-ignore lint/suspicious/noConfusingVoidType: a generator that ends without a return gives void
    AsyncIterable<ReplyPayload<C>, DeclaredErrors<C> | undefined | void, unknown>
  : Outcome<C> | Promise<Outcome<C>>;

type Outcome<C extends AnyRequest> =
  | ReplyPayload<C>
  | DeclaredErrors<C>
  // biome-ignore lint/suspicious/noConfusingVoidType: a function without a return gives void
  | (null extends ReplyPayload<C> ? void : never);

/** A running subscription. */
export interface Subscription {
  /** What was subscribed to: contracts by their names (with the version, `orders.placed.v2`), or the pattern. */
  readonly sources: readonly string[];
  /** The group that shares the work; `undefined`: every instance handles everything. */
  readonly group: string | undefined;
  /** What has become of the messages so far. */
  readonly stats: Readonly<SubscriptionStats>;
  /** Leaves the group, stops listening, and resolves once everything that had arrived is handled. */
  end(): Promise<void>;
}

/** Answers requests until it is ended. Made by {@link Bus.respond}. */
export interface Responder {
  /** What it answers, by the contract's name (with the version, `pricing.quote.v2`). */
  readonly request: string;
  /** What has become of the requests so far. */
  readonly stats: Readonly<ResponderStats>;
  /** Leaves the ring, stops listening, and resolves once everything that had arrived is answered. */
  end(): Promise<void>;
}

/** How a bus came to rest. */
export interface DrainReport {
  /** Messages that were given up because the time was over: still waiting, or still being handled. */
  readonly abandoned: number;
  /** Durable events that were given to other instances, unfinished: read ahead, or still being handled when the time was over. */
  readonly handedOver: number;
}

/** The typed API over a transport. Made by {@link createBus}. */
export interface Bus extends Publisher, Requester {
  /** The service's name: the default group. */
  readonly name: string;
  /** This running process of it: 16 hexadecimal digits. */
  readonly instance: string;
  readonly namespace: string;
  /** How it stands with its broker, by the probe that goes round, and not by a socket that seems open. */
  readonly status: BusStatus;
  /**
   * Calls the listener whenever it happens: `connected`, `interrupted`, `resumed` (with the length of the outage), `closed`; `gap`: events were missed
   * for good; `recovered`: missed events were read again; `pressure`: a queue is filling up. Returns what ends it.
   * @throws BelfryError `OPTION_INVALID` for another name
   */
  on<E extends BusEvent>(event: E, listener: (event: BusEventMap[E]) => void): () => void;
  /**
   * Connects, and asks whether the broker lets this bus do everything that it is for: publish and ask what it `emits`, and whatever is given beside
   * that. Looks after the delayed events among what it emits from then on. A service does so when it starts; nothing else needs it.
   * @throws BelfryError `RIGHTS_MISSING`, listing every right that is; `TRANSPORT_UNAVAILABLE`, `BUS_CLOSED`
   */
  open(usages?: readonly Usage[]): Promise<void>;
  /**
   * Handles the events of a contract, of several contracts, or whatever a pattern matches. Resolves once the broker has confirmed it.
   * @throws BelfryError `DUPLICATE_HANDLER`: the group already has a handler for it on this bus; `OPTION_INVALID`, `CONTRACT_INVALID`,
   * `HANDLER_INVALID`, `UNSUPPORTED`, `TRANSPORT_UNAVAILABLE`, `SUBSCRIBE_REFUSED`, `BUS_CLOSED`; for a durable event `EVICTION_UNSAFE`
   */
  subscribe<const S extends SubscribeSource>(
    source: S,
    handler: HandlerMethod<S>,
    options?: SubscribeOptionsFor<SourceItem<S>>,
  ): Promise<Subscription>;
  /**
   * Answers the requests of a contract. Each goes to one instance of this service: by turn, or by the contract's key. Resolves once the
   * broker has confirmed it.
   * @throws BelfryError `DUPLICATE_HANDLER`: this bus already responds to it; `DUPLICATE_RESPONDER`: another service does;
   * `OPTION_INVALID`, `CONTRACT_INVALID`, `HANDLER_INVALID`, `UNSUPPORTED`, `TRANSPORT_UNAVAILABLE`, `SUBSCRIBE_REFUSED`, `BUS_CLOSED`
   */
  respond<C extends AnyRequest>(contract: C, handler: RequestHandler<C>, options?: HandlingOptions): Promise<Responder>;
  /**
   * Waits until an event would be received or a request answered: by a member of each of the groups, or by anybody at all when none is named.
   * @throws BelfryError `NOT_READY` after the timeout, naming who is missing
   */
  ready(contract: AnyContract | AnyRequest, options?: ReadyOptions): Promise<void>;
  /**
   * Looks into the log of a durable event: how its groups stand, and what lies among their dead letters, to be shown, replayed or purged. By
   * its name alone (with the version, `orders.placed.v2`) nothing is validated.
   * @throws BelfryError `CONTRACT_INVALID`, `UNSUPPORTED`
   */
  inspect(contract: AnyEvent | string): Inspection;
  /** The subscriptions of this bus with their figures. */
  readonly subscriptions: readonly Subscription[];
  /** What this bus answers, with its figures. */
  readonly responders: readonly Responder[];
  /** What has become of the requests that this bus asked. */
  readonly requests: Readonly<RequestStats>;
  /**
   * Drains and closes: leaves the groups, stops listening, finishes what has arrived and what is in flight, and disconnects.
   * After the timeout it aborts the context's `signal`, gives up the rest, and says in the report how much that was; a broker that does not answer may
   * then hold it for up to 5 s more. May be called twice.
   */
  close(options?: { readonly timeout?: Duration }): Promise<DrainReport>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What {@link Bus.ready} waits for. */
export interface ReadyOptions {
  readonly groups?: readonly string[];
  /** @default '10s' */
  readonly timeout?: Duration;
}
