import {
  type AnyContract,
  type AnyEvent,
  type AnyRequest,
  BelfryError,
  type Duration,
  isRequest,
  type RequestPayload,
  toMilliseconds,
} from '@belfry/contracts';
import type {
  BroadcastOnlyOptions,
  Bus,
  DrainReport,
  HandlingOptions,
  ReadyOptions,
  RequestHandler,
  Responder,
  SubscribeOptions,
  Subscription,
} from './bus.js';
import { type BusEvent, type BusEventMap, BusEvents, type BusStatus, isBusEvent } from './bus-events.js';
import { type Clock, settlesWithin } from './clock.js';
import { waitForAudience } from './audience.js';
import { checkHandler } from './checks.js';
import type { MessageContext, RequestContext } from './context.js';
import { messageIds, newInstanceId } from './identity.js';
import { type Logger, unbreakable } from './logger.js';
import { type BusOptions, type ResolvedBusOptions, resolveBusOptions } from './options.js';
import { type Inspection, inspect } from './durable/inspection.js';
import { Delays } from './durable/delays.js';
import { Upkeep } from './durable/upkeep.js';
import { Subscriptions, subjectOf } from './subscriptions.js';
import { Publication, type PublishOptions } from './publication.js';
import type { AskOptions, Reply, RequestStats } from './requester.js';
import { Responders } from './responders.js';
import type { Receiving } from './running.js';
import { Support } from './support.js';
import { Switchboard } from './switchboard.js';
import type { Receipt, Transport, TransportNews } from './transport.js';
import { type Emitted, type Usage, usageOfEmitting } from './usage.js';

/**
 * Builds a bus. Opens nothing yet: it connects when it is first used.
 * @throws BelfryError `OPTION_INVALID`, listing every mistake; `TRANSPORT_UNKNOWN` for a URL that core does not know
 */
export const createBus = (options: BusOptions): Bus => new TransportBus(resolveBusOptions(options));

/** The last words to the broker, such as work that is handed over, have so long to reach it, beyond the time for draining. */
const LAST_WORDS_MS = 2000;

class TransportBus implements Bus {
  readonly name: string;
  readonly instance = newInstanceId();
  readonly namespace: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #transport: Transport;
  readonly #support: Support;
  readonly #publication: Publication;
  readonly #nextId = messageIds(this.instance);
  readonly #switchboard: Switchboard;
  readonly #subscriptions: Subscriptions;
  readonly #responders: Responders;
  readonly #events: BusEvents;
  readonly #delays: Delays;
  readonly #emits: readonly Emitted[];
  readonly #publicChannels: boolean;
  #status: BusStatus = 'idle';
  readonly #abort = new AbortController();
  #publishing = true;
  #closing: Promise<DrainReport> | undefined;

  constructor(options: ResolvedBusOptions) {
    const { name, namespace, logger, clock, transport, publicChannels, maxMessageBytes, middleware } = options;
    this.name = name;
    this.namespace = namespace;
    this.#clock = clock;
    this.#logger = unbreakable(logger);
    this.#events = new BusEvents(this.#logger);
    const tell = (news: TransportNews) => this.#hear(news);
    this.#transport = transport({ service: name, instance: this.instance, logger: this.#logger, clock, tell });
    this.#support = new Support(this.#transport);
    this.#emits = options.emits;
    this.#publicChannels = publicChannels;
    this.#delays = new Delays(this.#transport.durable, this.#logger, clock);
    const upkeep = new Upkeep(this.#transport.durable, this.#logger, clock);
    this.#publication = new Publication({
      transport: this.#transport,
      namespace,
      source: `/${name}/${this.instance}`,
      nextId: this.#nextId,
      validate: options.validate.publish,
      publicChannels,
      maxMessageBytes,
      middleware,
      upkeep,
      delays: this.#delays,
      clock,
    });
    this.#subscriptions = new Subscriptions({
      bus: options,
      instance: this.instance,
      nextId: this.#nextId,
      transport: this.#transport,
      events: this.#events,
      upkeep,
      signal: this.#abort.signal,
      logger: this.#logger,
      clock,
    });
    this.#switchboard = new Switchboard({
      bus: options,
      instance: this.instance,
      nextId: this.#nextId,
      transport: this.#transport,
      logger: this.#logger,
      clock,
    });
    this.#responders = new Responders(name, this.#switchboard);
  }

  get status(): BusStatus {
    return this.#status;
  }

  async open(usages: readonly Usage[] = []): Promise<void> {
    if (this.#closing !== undefined) throw closed(this.name);
    const emitted = this.#emits.map((contract) => usageOfEmitting(contract, this, this.#publicChannels));
    if (this.#transport.open !== undefined) await this.#transport.open([...emitted, ...usages]);
    // Who handles nothing would notice only when it publishes or asks that nobody answers.
    else if (usages.length === 0) await this.#transport.audience(`${this.namespace}:belfry.reach`);
    if (this.#closing !== undefined) throw closed(this.name);
    for (const usage of emitted) {
      if (usage.kind === 'append') this.#delays.watch(usage.channel);
    }
  }

  get subscriptions(): readonly Subscription[] {
    return this.#subscriptions.handles;
  }

  get responders(): readonly Responder[] {
    return this.#responders.handles;
  }

  get requests(): Readonly<RequestStats> {
    return this.#switchboard.stats;
  }

  on<E extends BusEvent>(event: E, listener: (event: BusEventMap[E]) => void): () => void {
    checkHandler(listener, `the bus's ${JSON.stringify(event)}`);
    if (isBusEvent(event)) return this.#events.on(event, listener);
    throw new BelfryError('OPTION_INVALID', {
      message: `a bus has no event ${JSON.stringify(event)}.`,
      hint: 'There are connected, interrupted, resumed, closed, gap, recovered and pressure.',
    });
  }

  publish(contract: AnyContract, data: unknown, options?: PublishOptions): Promise<Receipt> {
    try {
      if (!this.#publishing) throw closed(this.name);
      this.#support.checkContract(contract);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#publication.publish(contract, data, options);
  }

  request<C extends AnyRequest>(contract: C, input: RequestPayload<C>, options?: AskOptions): Reply<C> {
    const mistake = this.#mistakeInAsking(contract);
    return this.#switchboard.request(contract, input, options ?? {}, mistake, this.request) as Reply<C>;
  }

  async respond<C extends AnyRequest>(
    contract: C,
    handler: RequestHandler<C>,
    options?: HandlingOptions,
  ): Promise<Responder> {
    if (this.#closing !== undefined) throw closed(this.name);
    this.#support.checkRequest(contract);
    checkHandler(handler, contract.channel);
    const call = handler as (input: unknown, context: RequestContext) => unknown;
    return this.#responders.add(contract, call, options ?? {}, this.#refusal);
  }

  async subscribe(
    what: AnyContract | readonly AnyContract[] | string,
    handler: (...args: never[]) => unknown,
    options?: SubscribeOptions | BroadcastOnlyOptions,
  ): Promise<Subscription> {
    if (this.#closing !== undefined) throw closed(this.name);
    const subject = subjectOf(what);
    const { contracts, pattern } = subject;
    for (const contract of contracts) this.#support.checkContract(contract);
    checkHandler(handler, pattern ?? contracts.map(({ channel }) => channel).join(', '));
    // A durable event needs no more of the transport than that; what it means for groups is the transport's own.
    const isGrouped = contracts.some(({ kind, guarantee }) => kind === 'event' && guarantee === 'transient');
    if (isGrouped && !options?.broadcast) this.#support.require('groups', this.name);
    if (pattern !== undefined) this.#support.require('patterns', this.name);
    const call = handler as (data: unknown, context: MessageContext) => unknown;
    return this.#subscriptions.add(subject, call, options ?? {}, this.#refusal);
  }

  async cancel(contract: AnyEvent, id: string): Promise<boolean> {
    if (!this.#publishing) throw closed(this.name);
    this.#support.checkDurable(contract);
    return this.#transport.durable!.cancel(this.#subscriptions.channelOf(contract), id);
  }

  inspect(contract: AnyEvent | string): Inspection {
    if (typeof contract === 'string') this.#support.require('durable events', contract);
    else this.#support.checkDurable(contract);
    const name = typeof contract === 'string' ? contract : contract.channel;
    const known = typeof contract === 'string' ? undefined : contract;
    return inspect(this.#transport.durable!, `${this.namespace}:${name}`, known, this.#clock);
  }

  async ready(contract: AnyContract | AnyRequest, options?: ReadyOptions): Promise<void> {
    const { groups, timeout = '10s' } = options ?? {};
    if (isRequest(contract)) this.#support.checkRequest(contract);
    else this.#support.checkContract(contract);
    const audience = () => this.#audienceOf(contract);
    await waitForAudience(
      contract.channel,
      audience,
      groups,
      toMilliseconds(timeout, 'ready({ timeout })'),
      this.#clock,
    );
  }

  async close({ timeout = '10s' }: { readonly timeout?: Duration } = {}): Promise<DrainReport> {
    this.#closing ??= this.#drain(toMilliseconds(timeout, 'close({ timeout })'));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Why nothing new begins any more. */
  readonly #refusal = (): BelfryError | undefined => (this.#closing === undefined ? undefined : closed(this.name));

  async #drain(milliseconds: number): Promise<DrainReport> {
    const until = this.#clock.now() + milliseconds;
    const within = (extra: number, work: Promise<unknown>) =>
      settlesWithin(this.#clock, Math.max(0, until + extra - this.#clock.now()), work);
    const receivers: readonly Receiving[] = [...this.#subscriptions.receivers, ...this.#responders.receivers];
    const drained = Promise.allSettled([...this.subscriptions, ...this.responders].map((each) => each.end()));
    let abandoned = 0;
    const handingOver: (void | Promise<void>)[] = [];
    if (!(await within(0, drained))) {
      const reason = new BelfryError('BUS_CLOSED', {
        message: `the service ${this.name} stops, and the time for draining is over.`,
      });
      for (const receiver of receivers) {
        const { stats } = receiver;
        const [running, handedOver] = [stats.inFlight, stats.durable?.handedOver ?? 0];
        handingOver.push(receiver.abandon(reason));
        // What is durable is not given up, but given to somebody else.
        abandoned += Math.max(0, running - ((stats.durable?.handedOver ?? 0) - handedOver)) + stats.abandoned;
      }
      this.#logger.warn(
        { abandoned, handedOver: handedOverBy(receivers), timeoutMs: milliseconds },
        `The time for draining is over: ${abandoned === 0 ? 'what was left goes to other instances.' : 'messages were given up.'}`,
      );
      this.#abort.abort(reason);
      await within(LAST_WORDS_MS, Promise.allSettled(handingOver));
    }
    const outgoing = Promise.all([this.#publication.settled(), this.#switchboard.idle()]);
    await within(0, outgoing);
    this.#publishing = false;
    this.#delays.stop();
    await within(LAST_WORDS_MS, this.#switchboard.close(closed(this.name)));
    await this.#transport.close();
    this.#status = 'closed';
    this.#events.emit('closed', {});
    return { abandoned, handedOver: handedOverBy(receivers) };
  }

  #hear(news: TransportNews): void {
    if (news.what === 'emptied') this.#subscriptions.resumed();
    else if (this.#status === 'closed') return;
    else if (news.what === 'interrupted') {
      this.#status = 'interrupted';
      this.#events.emit('interrupted', { reason: news.reason });
    } else {
      this.#status = 'connected';
      if (news.what === 'connected') this.#events.emit('connected', {});
      else {
        this.#subscriptions.resumed();
        this.#events.emit('resumed', { outageMs: news.outageMs });
      }
    }
  }

  #mistakeInAsking(contract: AnyRequest): BelfryError | undefined {
    if (!this.#publishing) return closed(this.name);
    try {
      this.#support.checkRequest(contract);
      return undefined;
    } catch (error) {
      return error as BelfryError;
    }
  }

  async #audienceOf(contract: AnyContract | AnyRequest): Promise<Receipt> {
    if (contract.kind === 'request') {
      const { groups } = await this.#transport.audience(this.#switchboard.channelOf(contract));
      return { broadcast: 0, groups }; // whoever listens to everything does not respond
    }
    if (contract.kind === 'event') return this.#transport.audience(this.#subscriptions.channelOf(contract));
    return { broadcast: await this.#transport.bareAudience(contract.channel), groups: {} };
  }
}

const handedOverBy = (receivers: readonly Receiving[]): number =>
  receivers.reduce((sum, { stats }) => sum + (stats.durable?.handedOver ?? 0), 0);

const closed = (name: string): BelfryError =>
  new BelfryError('BUS_CLOSED', {
    message: `the bus of ${name} is closed.`,
    hint: 'Publish and ask before close(), or in a handler that close() still waits for.',
  });
