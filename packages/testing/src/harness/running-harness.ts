import { AssertionError } from 'node:assert';
import {
  type AnyContract,
  type AnyEvent,
  type AnyRequest,
  type EventInput,
  type RequestPayload,
  toMilliseconds,
} from '@belfry/contracts';
import {
  type AskOptions,
  type Bus,
  createBus,
  type PublishOptions,
  type Receipt,
  type Reply,
  type ReplyIterator,
  type RequestHandler,
  type Transport,
  type TransportFactory,
} from '@belfry/core';
import type { Service } from '@belfry/runtime';
import type { AnyFakeResponder } from '../doubles/fake-responder.js';
import { accountOf } from './account.js';
import type { Activity } from './activity.js';
import {
  type Asked,
  type DeadLettered,
  type Fact,
  type Failed,
  Facts,
  type Handleable,
  type Handled,
} from './facts.js';
import type { HandledData, Published } from './facts.js';
import type { Harness, HarnessOptions, HarnessWiring, ServiceFactory, ServiceSetup, WaitOptions } from './harness.js';
import { KeptLog, type LogLine } from './log.js';
import { missing, type Sought, surplus } from './missing.js';
import { observed } from './observed-transport.js';
import { observing } from './observing-middleware.js';
import { Outlook } from './outlook.js';
import { attended } from './attended.js';
import { serviceOf } from './service-of.js';
import type { Identity, Insight, World } from './world.js';
import type { Time } from './time.js';
import { fits, type Where } from './where.js';

export class RunningHarness implements Harness {
  readonly bus: Bus;
  readonly namespace: string;
  readonly commits: Insight['commits'];
  readonly #world: World;
  readonly #time: Time;
  readonly #activity: Activity;
  readonly #facts: Facts;
  readonly #outlook = new Outlook();
  readonly #log: KeptLog;
  readonly #services: { readonly service: Service; readonly isGone: () => boolean }[] = [];
  readonly #counts = new Map<string, number>();
  #transport!: Transport;
  #closing: Promise<void> | undefined;

  constructor(world: World, { activity, facts, commits }: Insight, options: HarnessOptions) {
    this.#world = world;
    this.#time = world.time;
    this.namespace = world.namespace;
    this.#activity = activity;
    this.#facts = facts;
    this.commits = commits;
    this.#log = new KeptLog(options.logger);
    const { transport, clock, namespace, logger, middleware } = this.#wire({
      service: 'test',
      instance: 'test',
    }).wiring;
    const kept: TransportFactory = (host) => {
      this.#transport = transport(host);
      return this.#transport;
    };
    this.bus = createBus({ name: 'test', transport: kept, clock, namespace, logger, middleware });
  }

  get service(): Service {
    const [first] = this.#services;
    if (first === undefined) throw new Error('This harness has no service: give startHarness handlers, or start one.');
    return first.service;
  }

  get services(): readonly Service[] {
    return this.#services.map(({ service }) => service);
  }

  get container(): Service['container'] {
    return this.service.container;
  }

  get facts(): readonly Fact[] {
    return this.#facts.all;
  }

  get logs(): readonly LogLine[] {
    return this.#log.lines;
  }

  now(): Date {
    return new Date(this.#time.clock.now());
  }

  async start(setup: ServiceSetup | ServiceFactory): Promise<Service> {
    const instances = typeof setup === 'function' ? 1 : (setup.instances ?? 1);
    const started = await Promise.all(Array.from({ length: instances }, () => this.#startOne(setup)));
    return started[0]!;
  }

  async respond(responder: AnyFakeResponder): Promise<void> {
    const handler: RequestHandler<AnyRequest> = (input, context) =>
      responder.handler(input as never, context as never) as ReturnType<RequestHandler<AnyRequest>>;
    await this.#time.attend(this.bus.respond(responder.contract, handler));
  }

  publish<C extends AnyContract>(contract: C, data: EventInput<C>, options?: PublishOptions): Promise<Receipt> {
    return this.#time.attend(this.bus.publish(contract, data, options));
  }

  request<C extends AnyRequest>(contract: C, input: RequestPayload<C>, options?: AskOptions): Reply<C> {
    const reply = this.bus.request(contract, input, options);
    if (reply instanceof Promise) return this.#time.attend(reply) as Reply<C>;
    return attended(reply as ReplyIterator<never>, this.#time) as unknown as Reply<C>;
  }

  published<C extends AnyContract>(contract: C, where?: Where<EventInput<C>>, options?: WaitOptions) {
    return this.#find('published', contract, where, options) as Promise<Published<C>>;
  }

  asked<C extends AnyRequest>(contract: C, where?: Where<RequestPayload<C>>, options?: WaitOptions) {
    return this.#find('asked', contract, where, options) as Promise<Asked<C>>;
  }

  handled<C extends Handleable>(contract: C, where?: Where<HandledData<C>>, options?: WaitOptions) {
    return this.#find('handled', contract, where, options) as Promise<Handled<C>>;
  }

  failed<C extends Handleable>(contract: C, where?: Where<HandledData<C>>, options?: WaitOptions) {
    return this.#find('failed', contract, where, options) as Promise<Failed<C>>;
  }

  deadLettered<C extends AnyEvent>(contract: C, where?: Where<EventInput<C>>, options?: WaitOptions) {
    return this.#find('deadLettered', contract, where, options) as Promise<DeadLettered<C>>;
  }

  async expectNone<C extends AnyContract>(contract: C, where?: Where<EventInput<C>>): Promise<void> {
    await this.settled();
    const sought: Sought = { did: 'published', channel: contract.channel, where };
    const found = this.matching(sought);
    if (found.length > 0) throw surplus(sought, found, this.account());
  }

  async settled({ within }: WaitOptions = {}): Promise<void> {
    const milliseconds = within === undefined ? undefined : toMilliseconds(within, 'settled({ within })');
    const isSettled = () => this.#isSettled(!this.#time.standsStill || (milliseconds ?? 0) > 0);
    if (await this.#time.until(isSettled, milliseconds, 'calmly')) return;
    throw new AssertionError({ message: `The services do not settle.\n\n${this.account()}`, operator: 'settled' });
  }

  async advance(duration: Parameters<Harness['advance']>[0]): Promise<void> {
    await this.#time.advance(toMilliseconds(duration, 'advance()'));
  }

  account(): string {
    const now = this.#time.clock.now();
    return accountOf({
      facts: this.facts,
      running: this.#activity.running,
      expected: this.#outlook.expected(now),
      logs: this.logs,
      namespace: this.namespace,
      now,
    });
  }

  /** What happened of it so far. */
  matching({ did, channel, where }: Sought): Fact[] {
    return this.facts.filter((fact) => fact.did === did && fact.channel === channel && fits(fact.data, where));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const running = this.#services.filter(({ isGone }) => !isGone());
    await this.#time.finish(Promise.all(running.map(({ service }) => service.stop())));
    await this.#time.finish(this.bus.close());
  }

  async #startOne(setup: ServiceSetup | ServiceFactory): Promise<Service> {
    const identity: Identity = { service: '', instance: '' };
    const { wiring, isGone } = this.#wire(identity);
    const service = typeof setup === 'function' ? setup(wiring) : serviceOf(setup, wiring);
    const count = (this.#counts.get(service.name) ?? 0) + 1;
    this.#counts.set(service.name, count);
    Object.assign(identity, { service: service.name, instance: `${service.name}#${count}` });
    this.#services.push({ service, isGone });
    await this.#time.attend(service.start());
    this.#world.ready(identity, () => this.#startOne(setup));
    return service;
  }

  /** What a bus of this world is given. */
  #wire(identity: Identity): { readonly wiring: HarnessWiring; readonly isGone: () => boolean } {
    const { transport, clock, isGone } = this.#world.place(identity);
    const [facts, activity, outlook] = [this.#facts, this.#activity, this.#outlook];
    const commits = this.#world.tellsCommits ? undefined : this.commits;
    const { namespace } = this;
    const now = () => this.#time.clock.now();
    const wiring = {
      transport: observed(transport, { namespace, facts, activity, outlook, commits }),
      clock,
      namespace,
      logger: this.#log,
      middleware: [observing({ identity, namespace, facts, activity, now, isGone })],
      env: {},
    };
    return { wiring, isGone };
  }

  async #find(did: Fact['did'], { channel }: Handleable, where: unknown, { within }: WaitOptions = {}): Promise<Fact> {
    const sought = { did, channel, where };
    const milliseconds = within === undefined ? undefined : toMilliseconds(within, '{ within }');
    await this.#time.until(() => this.matching(sought).length > 0, milliseconds);
    const [found] = this.matching(sought);
    if (found === undefined) throw missing(sought, this.facts, this.account());
    return found;
  }

  /** Nothing runs or waits for its turn; and, if it is asked for, nothing waits for its time. */
  async #isSettled(entirely: boolean): Promise<boolean> {
    if (this.#activity.running.length > 0 || this.#world.isBusy()) return false;
    const buses = [this.bus, ...this.#services.filter(({ isGone }) => !isGone()).map(({ service }) => service.bus)];
    const handling = buses.flatMap(({ subscriptions, responders }) => [...subscriptions, ...responders]);
    if (handling.some(({ stats }) => stats.queued + stats.inFlight > 0)) return false;
    if (entirely && this.#outlook.isDelayed(this.#time.clock.now())) return false;
    for (const channel of this.#outlook.channels) {
      const groups = await this.#transport.durable!.tend(channel, undefined);
      const isLate = groups.some(({ members, lag, pending, retries }) => {
        const left = entirely ? lag + pending : lag + pending - retries;
        return members > 0 && left > 0;
      });
      if (isLate) return false;
    }
    return true;
  }
}
