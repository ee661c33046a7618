import type { AnyContract, AnyEvent, AnyRequest, Duration, EventInput, RequestPayload } from '@belfry/contracts';
import type {
  AskOptions,
  Bus,
  Logger,
  Middleware,
  PublishOptions,
  Receipt,
  Reply,
  TransportFactory,
} from '@belfry/core';
import type { MemoryTransportOptions } from '@belfry/core/memory';
import type { HandlerClass } from '@belfry/handlers';
import type { Service, ServiceOptions } from '@belfry/runtime';
import type { Container, ContainerModule } from 'inversify';
import type { AnyFakeResponder } from '../doubles/fake-responder.js';
import type { Asked, DeadLettered, Fact, Failed, Handleable, Handled, HandledData, Published } from './facts.js';
import type { Override } from './override.js';
import type { LogLine } from './log.js';
import type { Where } from './where.js';

/** One service of a harness. */
export interface ServiceSetup {
  /** The service's name, and so the default group. @default 'service' */
  readonly name?: string;
  /** Classes with decorated methods. @default none */
  readonly handlers?: readonly HandlerClass[];
  /** Loaded into the container before the handlers are made. @default none */
  readonly modules?: readonly ContainerModule[];
  /** What takes the place of what the modules bind: `override(token, value)`. @default none */
  readonly overrides?: readonly Override[];
  /** A container of yours: the service's own is its child. */
  readonly container?: Container;
  /** Goes around every publish, every request and every handler. @default none */
  readonly middleware?: readonly Middleware[];
  /** So many of it share the work. @default 1 */
  readonly instances?: number;
}

/** What a service of yours must be told so that it runs in a harness: spread it into `createService`. */
export type HarnessWiring = Required<
  Pick<ServiceOptions, 'transport' | 'clock' | 'namespace' | 'logger' | 'middleware' | 'env'>
>;

/** Makes a service that is wired to the harness, for an application that has a function for that already. Called once for each instance. */
export type ServiceFactory = (wiring: HarnessWiring) => Service;

/** What {@link startHarness} is told. */
export interface HarnessOptions extends ServiceSetup {
  /** More services in the same world. @default none */
  readonly services?: readonly (ServiceSetup | ServiceFactory)[];
  /** Stand in for services that are not there. @default none */
  readonly responders?: readonly AnyFakeResponder[];
  /** Takes the commands of `context.commit` in place of Redis; what it throws refuses the commit. @default every commit is accepted */
  readonly onCommit?: MemoryTransportOptions['onCommit'];
  /**
   * Over this Redis instead of the memory transport: then time passes by itself. `advance` is refused, and `within` says how long to wait.
   * @default within this process
   */
  readonly url?: string;
  /** Instead of a URL, for example `redisTransport({ url, redis: { tls: { ca } } })`. Time passes by itself, as over Redis. */
  readonly transport?: TransportFactory;
  /** Prefix of every channel and key. @default 'test'; over Redis one that nobody else has */
  readonly namespace?: string;
  /** What time it is at first. @default now; over Redis it is always now */
  readonly startAt?: Date;
  /** How long to wait for a fact, in real time. @default '1s'; over Redis '5s' */
  readonly patience?: Duration;
  /** Where log lines go beside `harness.logs`. @default nowhere */
  readonly logger?: Logger;
}

/** How to wait for something. */
export interface WaitOptions {
  /** Turns the clock until it has happened, by so much at the most. @default 0: the clock stands still */
  readonly within?: Duration;
}

/** Services under test: the real container, binder, bus and pipeline, in a world of its own. Made by {@link startHarness}. */
export interface Harness extends AsyncDisposable {
  /** To publish, to ask and to look into logs by hand, under the name `test`. What it does is seen like what services do. */
  readonly bus: Bus;
  /** The first service. */
  readonly service: Service;
  /** Every instance of every service, in the order in which they were started. */
  readonly services: readonly Service[];
  /** What the first service is made of: `harness.container.get(Billing)` is the handler that is called. */
  readonly container: Container;
  readonly namespace: string;
  /** What time it is in this world. */
  now(): Date;

  /** Starts another service, or more instances of one that runs. @throws BelfryError as `service.start()` does */
  start(service: ServiceSetup | ServiceFactory): Promise<Service>;
  /** Answers in place of a service that is not there, from now on. */
  respond(responder: AnyFakeResponder): Promise<void>;
  /** As `bus.publish`. */
  publish<C extends AnyContract>(contract: C, data: EventInput<C>, options?: PublishOptions): Promise<Receipt>;
  /**
   * As `bus.request`. A timeout comes when the clock is turned: `const reply = harness.request(…); await harness.advance('5s');`, and only then
   * `await expect(reply).rejects…`.
   */
  request<C extends AnyRequest>(contract: C, input: RequestPayload<C>, options?: AskOptions): Reply<C>;

  /**
   * Waits until such an event is published, by whomever; what was published before counts, and what is delayed counts at once. Resolves with
   * the first one that is meant.
   * @throws AssertionError saying what happened instead, when it does not come
   */
  published<C extends AnyContract>(
    contract: C,
    where?: Where<EventInput<C>>,
    options?: WaitOptions,
  ): Promise<Published<C>>;
  /** Waits until such a request is asked. Otherwise as {@link Harness.published}. */
  asked<C extends AnyRequest>(contract: C, where?: Where<RequestPayload<C>>, options?: WaitOptions): Promise<Asked<C>>;
  /** Waits until a handler has come to its end with such a message. Otherwise as {@link Harness.published}. */
  handled<C extends Handleable>(contract: C, where?: Where<HandledData<C>>, options?: WaitOptions): Promise<Handled<C>>;
  /** Waits until a handler has thrown with such a message. Otherwise as {@link Harness.published}. */
  failed<C extends Handleable>(contract: C, where?: Where<HandledData<C>>, options?: WaitOptions): Promise<Failed<C>>;
  /** Waits until a group has given such an event up. Otherwise as {@link Harness.published}. */
  deadLettered<C extends AnyEvent>(
    contract: C,
    where?: Where<EventInput<C>>,
    options?: WaitOptions,
  ): Promise<DeadLettered<C>>;
  /**
   * Waits until the services are settled, and no such event was published by then.
   * @throws AssertionError saying which there was
   */
  expectNone<C extends AnyContract>(contract: C, where?: Where<EventInput<C>>): Promise<void>;
  /**
   * Waits until nothing is in flight or queued: all that can happen without time passing has happened. With `within` the clock is turned, by so
   * much at the most, until nothing is delayed or waits for another attempt either.
   * @throws AssertionError saying what is left
   */
  settled(options?: WaitOptions): Promise<void>;
  /**
   * Turns the clock by so much. Whatever is due by then (retries, delays, deadlines, claims, polls) happens at once and in its order, with
   * everything that follows from it. Fake timers of the test runner, where they are in place, are turned with it.
   */
  advance(duration: Duration): Promise<void>;

  /** Everything that happened so far, in its order. */
  readonly facts: readonly Fact[];
  /** What was committed with `context.commit`, one list of commands for each. */
  readonly commits: readonly (readonly (readonly string[])[])[];
  /** What the services have logged, on every level. */
  readonly logs: readonly LogLine[];
  /** The facts, what goes on, and what is still to come, as a text. */
  account(): string;
}
