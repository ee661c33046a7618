import { type AnyContract, BelfryError, type EventContract } from '@belfry/contracts';
import type { BroadcastOnlyOptions, SubscribeOptions, Subscription } from './bus.js';
import type { BusEvents } from './bus-events.js';
import type { Clock } from './clock.js';
import type { MessageContext } from './context.js';
import { DurableSubscription } from './durable/durable-subscription.js';
import type { Upkeep } from './durable/upkeep.js';
import type { Logger } from './logger.js';
import { type ResolvedBusOptions, type ResolvedSubscribeOptions, resolveSubscribeOptions } from './options.js';
import { checkPattern } from './pattern.js';
import { Rejections } from './rejections.js';
import { type Receiving, Running } from './running.js';
import { Slots } from './slots.js';
import { type Load, newDurableStats, newStats, type SubscriptionStats } from './subscription-stats.js';
import { TransientSubscription } from './transient-subscription.js';
import type { Transport, TransportSubscription } from './transport.js';

export interface SubscriptionsOptions {
  readonly bus: ResolvedBusOptions;
  readonly instance: string;
  readonly nextId: () => string;
  readonly transport: Transport;
  readonly events: BusEvents;
  readonly upkeep: Upkeep;
  /** Aborts when the time for draining is over. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What was subscribed to: contracts, or a pattern of event names. */
export interface Subject {
  readonly contracts: readonly AnyContract[];
  readonly pattern: string | undefined;
}

/** @throws BelfryError `CONTRACT_INVALID`, `OPTION_INVALID`: there is nothing to subscribe to */
export function subjectOf(what: AnyContract | readonly AnyContract[] | string): Subject {
  if (typeof what === 'string') {
    checkPattern(what);
    return { contracts: [], pattern: what };
  }
  const contracts = Array.isArray(what) ? (what as readonly AnyContract[]) : [what as AnyContract];
  if (contracts.length > 0) return { contracts, pattern: undefined };
  throw new BelfryError('CONTRACT_INVALID', { message: 'there is no contract to subscribe to.' });
}

/** The subscriptions of one bus, and the places in groups that they have taken. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #running = new Running<Part, Pick<Subscription, 'sources' | 'group'>>();
  /** `channel group` of every place taken: a group has one handler for a channel. */
  readonly #places = new Set<string>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  get handles(): readonly Subscription[] {
    return this.#running.handles;
  }

  get receivers(): readonly Receiving[] {
    return this.#running.receivers;
  }

  /**
   * Subscribes. Resolves once the broker has confirmed all of it.
   * @param refusal says why it must not be any more, when it has become so meanwhile
   */
  async add(
    { contracts, pattern }: Subject,
    handler: (data: unknown, context: MessageContext) => unknown,
    options: SubscribeOptions | BroadcastOnlyOptions,
    refusal: () => Error | undefined,
  ): Promise<Subscription> {
    const { name } = this.#options.bus;
    const title = pattern ?? contracts.map(({ channel }) => channel).join(', ');
    const resolved = resolveSubscribeOptions(title, options, name, contracts);
    const { group } = resolved;
    const byChannel = new Map(contracts.map((contract) => [this.channelOf(contract), contract]));
    const places = group === undefined ? [] : Array.from(byChannel.keys(), (channel) => `${channel} ${group}`);
    this.#takePlaces(places, title, group);
    const parts = this.#partsOf(title, byChannel, pattern, handler, resolved);
    const opened = await Promise.allSettled(parts.map((part) => part.open()));
    const links = opened.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    const failure = opened.find((result) => result.status === 'rejected');
    const late = refusal();
    if (failure !== undefined || late !== undefined) {
      await Promise.allSettled(links.map((link) => link.end()));
      this.#leave(places);
      throw failure?.reason ?? late;
    }
    const stats = parts[0]!.stats;
    const sources = pattern === undefined ? contracts.map(({ channel }) => channel) : [pattern];
    return this.#running.add(together(parts, stats), { sources, group }, links, () => this.#leave(places));
  }

  /** Messages may have been missed: the connection is back after an interruption, or the broker has forgotten everything. */
  resumed(): void {
    for (const part of this.#running.receivers) part.resumed();
  }

  channelOf(contract: AnyContract): string {
    return contract.kind === 'channel' ? contract.channel : `${this.#options.bus.namespace}:${contract.channel}`;
  }

  /** What takes the messages: one part for everything transient, one for each durable log. They share their slots and their figures. */
  #partsOf(
    title: string,
    byChannel: ReadonlyMap<string, AnyContract>,
    pattern: string | undefined,
    handler: (data: unknown, context: MessageContext) => unknown,
    { group, concurrency, maxQueuedMessages, maxQueuedBytes, drop, durable }: ResolvedSubscribeOptions,
  ): Part[] {
    const { bus, instance, nextId, transport, events, upkeep, signal, logger, clock } = this.#options;
    const { middleware, maxMessageBytes, validate, namespace } = bus;
    const rejections = new Rejections({ subscription: title, group }, logger, clock);
    const slots = new Slots(concurrency);
    const loads: Load[] = [];
    const durables = [...byChannel].filter((each): each is [string, EventContract] => isDurable(each[1]));
    const durableStats = durables.length === 0 ? undefined : newDurableStats();
    const stats = newStats(rejections.counts, loads, durableStats);
    const shared = { title, group, handler, middleware, maxMessageBytes, validate: validate.receive };
    const parts: Part[] = [];
    const transients = new Map([...byChannel].filter(([, contract]) => !isDurable(contract)));
    if (transients.size > 0 || pattern !== undefined) {
      const subscription = new TransientSubscription({
        ...shared,
        contracts: transients,
        pattern: pattern === undefined ? undefined : `${namespace}:${pattern}`,
        concurrency: slots,
        maxQueuedMessages,
        maxQueuedBytes,
        drop,
        stats,
        rejections,
        transport,
        events,
        signal,
        nextId,
        logger,
        clock,
      });
      loads.push(subscription.load);
      parts.push(subscription);
    }
    for (const [channel, contract] of durables) {
      const subscription = new DurableSubscription({
        ...shared,
        ...durable,
        contract,
        channel,
        slots,
        stats: stats as SubscriptionStats & { readonly durable: NonNullable<typeof durableStats> },
        rejections,
        noCommits: transport.unsupported.commits,
        transport,
        instance,
        upkeep,
        signal,
        logger,
        clock,
      });
      loads.push(subscription);
      parts.push({
        stats,
        open: async () => [await subscription.open()],
        resumed: () => subscription.resumed(),
        idle: () => subscription.idle(),
        abandon: (reason) => subscription.abandon(reason),
      });
    }
    return parts;
  }

  #takePlaces(places: readonly string[], title: string, group: string | undefined): void {
    if (places.some((place) => this.#places.has(place))) {
      throw new BelfryError('DUPLICATE_HANDLER', {
        message: `the group ${group} of ${this.#options.bus.name} already has a handler for ${title}; a second one would take half of its events away.`,
        hint: `Give one of them a group of its own, like { group: '${group}.audit' }, or { broadcast: true }, or handle both in one method.`,
      });
    }
    for (const place of places) this.#places.add(place);
  }

  #leave(places: readonly string[]): void {
    for (const place of places) this.#places.delete(place);
  }
}

/** One of the things that take messages for a subscription. */
interface Part extends Receiving {
  readonly stats: SubscriptionStats;
  /** Resolves once the broker has confirmed it. */
  open(): Promise<TransportSubscription[]>;
  /** Messages may have been missed. */
  resumed(): void;
}

const together = (parts: readonly Part[], stats: SubscriptionStats): Part => ({
  stats,
  open: async () => (await Promise.all(parts.map((part) => part.open()))).flat(),
  resumed: () => {
    for (const part of parts) part.resumed();
  },
  idle: async () => void (await Promise.all(parts.map((part) => part.idle()))),
  abandon: async (reason) => void (await Promise.all(parts.map((part) => part.abandon(reason)))),
});

const isDurable = (contract: AnyContract): boolean => contract.kind === 'event' && contract.guarantee === 'durable';
