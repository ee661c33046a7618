import {
  type AnyContract,
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
import { type Clock, settlesWithin } from './clock.js';
import { waitForAudience } from './audience.js';
import { checkContract, checkHandler, checkRequest } from './checks.js';
import type { MessageContext, RequestContext } from './context.js';
import { messageIds, newInstanceId } from './identity.js';
import { type Logger, unbreakable } from './logger.js';
import {
  type BusOptions,
  type ResolvedBusOptions,
  resolveBusOptions,
  resolveRespondOptions,
  resolveSubscribeOptions,
} from './options.js';
import { checkPattern } from './pattern.js';
import { Publication, type PublishOptions } from './publication.js';
import { Receiver } from './receiver.js';
import type { RequestReceiver } from './request-receiver.js';
import type { AskOptions, Reply, RequestStats } from './requester.js';
import { type Receiving, Running } from './running.js';
import { Switchboard } from './switchboard.js';
import type { Receipt, Source, Transport } from './transport.js';

/**
 * Builds a bus. Opens nothing yet: it connects when it is first used.
 * @throws BelfryError `OPTION_INVALID`, listing every mistake; `TRANSPORT_UNKNOWN` for a URL that core does not know
 */
export const createBus = (options: BusOptions): Bus => new TransportBus(resolveBusOptions(options));

class TransportBus implements Bus {
  readonly name: string;
  readonly instance = newInstanceId();
  readonly namespace: string;
  readonly #options: ResolvedBusOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #transport: Transport;
  readonly #publication: Publication;
  readonly #nextId = messageIds(this.instance);
  readonly #switchboard: Switchboard;
  readonly #subscriptions = new Running<Receiver>();
  readonly #responders = new Running<RequestReceiver>();
  /** `channel group` of every place taken: a group has one handler for a channel. */
  readonly #places = new Set<string>();
  readonly #abort = new AbortController();
  #publishing = true;
  #closing: Promise<DrainReport> | undefined;

  constructor(options: ResolvedBusOptions) {
    const { name, namespace, logger, clock, transport, publicChannels, maxMessageBytes, middleware } = options;
    this.name = name;
    this.namespace = namespace;
    this.#options = options;
    this.#clock = clock;
    this.#logger = unbreakable(logger);
    this.#transport = transport({ service: name, instance: this.instance, logger: this.#logger, clock });
    this.#publication = new Publication({
      transport: this.#transport,
      namespace,
      source: `/${name}/${this.instance}`,
      nextId: this.#nextId,
      validate: options.validate.publish,
      publicChannels,
      maxMessageBytes,
      middleware,
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

  publish(contract: AnyContract, data: unknown, options?: PublishOptions): Promise<Receipt> {
    try {
      if (!this.#publishing) throw closed(this.name);
      this.#checkContract(contract);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#publication.publish(contract, data, options ?? {});
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
    this.#checkRequest(contract);
    checkHandler(handler);
    const handling = resolveRespondOptions(contract.channel, options ?? {});
    const place = `${this.#switchboard.channelOf(contract)} ${this.name}`;
    if (this.#places.has(place)) throw respondsAlready(this.name, contract);
    this.#places.add(place);
    try {
      const call = handler as (input: unknown, context: RequestContext) => unknown;
      const { receiver, link } = await this.#switchboard.respond(contract, call, handling);
      if (this.#closing !== undefined) {
        await link.end();
        throw closed(this.name);
      }
      return this.#responders.add(receiver, [link], () => this.#places.delete(place));
    } catch (error) {
      this.#places.delete(place);
      throw error;
    }
  }

  async subscribe(
    what: AnyContract | readonly AnyContract[] | string,
    handler: (...args: never[]) => unknown,
    options?: SubscribeOptions | BroadcastOnlyOptions,
  ): Promise<Subscription> {
    if (this.#closing !== undefined) throw closed(this.name);
    const contracts =
      typeof what === 'string' ? [] : Array.isArray(what) ? (what as AnyContract[]) : [what as AnyContract];
    if (typeof what === 'string') checkPattern(what);
    else if (contracts.length === 0)
      throw new BelfryError('CONTRACT_INVALID', { message: 'there is no contract to subscribe to.' });
    for (const contract of contracts) this.#checkContract(contract);
    checkHandler(handler);
    const title = typeof what === 'string' ? what : contracts.map(({ channel }) => channel).join(', ');
    const { group, ...handling } = resolveSubscribeOptions(title, options ?? {}, this.name, contracts);

    const byChannel = new Map(contracts.map((contract) => [this.#channelOf(contract), contract]));
    const sources =
      typeof what === 'string'
        ? [this.#patternSource(what)]
        : Array.from(byChannel, ([channel, contract]) => sourceOf(channel, contract, group));
    const places = group === undefined ? [] : Array.from(byChannel.keys(), (channel) => `${channel} ${group}`);
    for (const source of sources) this.#checkSupport(source);
    this.#takePlaces(places, title, group);

    const receiver = new Receiver({
      title,
      contracts: byChannel,
      pattern: typeof what === 'string' ? `${this.namespace}:${what}` : undefined,
      group,
      handler: handler as (data: unknown, context: MessageContext) => unknown,
      middleware: this.#options.middleware,
      ...handling,
      maxMessageBytes: this.#options.maxMessageBytes,
      validate: this.#options.validate.receive,
      signal: this.#abort.signal,
      nextId: this.#nextId,
      logger: this.#logger,
      clock: this.#clock,
    });
    const confirmed = await Promise.allSettled(
      sources.map((source) => this.#transport.subscribe(source, receiver.deliver)),
    );
    const links = confirmed.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failure = confirmed.find((result) => result.status === 'rejected');
    if (failure !== undefined || this.#closing !== undefined) {
      await Promise.allSettled(links.map((link) => link.end()));
      this.#leave(places);
      throw failure?.reason ?? closed(this.name);
    }
    return this.#subscriptions.add(receiver, links, () => this.#leave(places));
  }

  async ready(contract: AnyContract | AnyRequest, options?: ReadyOptions): Promise<void> {
    const { groups, timeout = '10s' } = options ?? {};
    if (isRequest(contract)) this.#checkRequest(contract);
    else this.#checkContract(contract);
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

  async #drain(milliseconds: number): Promise<DrainReport> {
    const until = this.#clock.now() + milliseconds;
    const receivers: readonly Receiving[] = [...this.#subscriptions.receivers, ...this.#responders.receivers];
    const drained = Promise.allSettled([...this.subscriptions, ...this.responders].map((each) => each.end()));
    let abandoned = 0;
    if (!(await settlesWithin(this.#clock, milliseconds, drained))) {
      for (const receiver of receivers) {
        abandoned += receiver.stats.inFlight;
        receiver.abandon();
        abandoned += receiver.stats.abandoned;
      }
      this.#logger.warn(
        { abandoned, timeoutMs: milliseconds },
        'The time for draining is over: messages were given up.',
      );
      this.#abort.abort(
        new BelfryError('BUS_CLOSED', {
          message: `the service ${this.name} stops, and the time for draining is over.`,
        }),
      );
    }
    const outgoing = Promise.all([this.#publication.settled(), this.#switchboard.idle()]);
    await settlesWithin(this.#clock, Math.max(0, until - this.#clock.now()), outgoing);
    this.#publishing = false;
    await this.#switchboard.close(closed(this.name));
    await this.#transport.close();
    return { abandoned };
  }

  #takePlaces(places: readonly string[], title: string, group: string | undefined): void {
    if (places.some((place) => this.#places.has(place))) {
      throw new BelfryError('DUPLICATE_HANDLER', {
        message: `the group ${group} of ${this.name} already has a handler for ${title}; a second one would take half of its events away.`,
        hint: `Give one of them a group of its own, like { group: '${group}.audit' }, or { broadcast: true }, or handle both in one method.`,
      });
    }
    for (const place of places) this.#places.add(place);
  }

  #leave(places: readonly string[]): void {
    for (const place of places) this.#places.delete(place);
  }

  #checkContract(contract: unknown): asserts contract is AnyContract {
    checkContract(contract);
    if (contract.guarantee === 'durable') this.#require('durable events', contract.name);
    if (contract.kind === 'channel') this.#require('bare channels', contract.name);
  }

  #checkRequest(contract: unknown): asserts contract is AnyRequest {
    checkRequest(contract);
    this.#require('requests', contract.name);
  }

  #mistakeInAsking(contract: AnyRequest): BelfryError | undefined {
    if (!this.#publishing) return closed(this.name);
    try {
      this.#checkRequest(contract);
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
    if (contract.kind === 'event') return this.#transport.audience(this.#channelOf(contract));
    return { broadcast: await this.#transport.bareAudience(contract.channel), groups: {} };
  }

  #checkSupport({ kind }: Source): void {
    if (kind === 'group') this.#require('groups', this.name);
    if (kind === 'pattern') this.#require('patterns', this.name);
  }

  #require(feature: keyof Transport['unsupported'], subject: string): void {
    const reason = this.#transport.unsupported[feature];
    if (reason === undefined) return;
    throw new BelfryError('UNSUPPORTED', { message: `${subject}: this transport has no ${feature}.`, hint: reason });
  }

  #channelOf(contract: AnyContract): string {
    return contract.kind === 'channel' ? contract.channel : `${this.namespace}:${contract.channel}`;
  }

  #patternSource(pattern: string): Source {
    return { kind: 'pattern', pattern: `${this.namespace}:${pattern}` };
  }
}

function sourceOf(channel: string, contract: AnyContract, group: string | undefined): Source {
  if (contract.kind === 'channel') return { kind: 'bare', channel };
  return group === undefined ? { kind: 'broadcast', channel } : { kind: 'group', channel, group };
}

const respondsAlready = (name: string, { channel }: AnyRequest): BelfryError =>
  new BelfryError('DUPLICATE_HANDLER', {
    message: `${name} already responds to ${channel}; a second handler would take half of its requests away.`,
    hint: 'Answer in one handler; for more at a time raise concurrency, or add instances.',
  });

const closed = (name: string): BelfryError =>
  new BelfryError('BUS_CLOSED', {
    message: `the bus of ${name} is closed.`,
    hint: 'Publish and ask before close(), or in a handler that close() still waits for.',
  });
