import { type AnyContract, type AnyRequest, BelfryError, errorCodes, isRequestError } from '@belfry/contracts';
import {
  type Bus,
  type BusStatus,
  type Call,
  type GroupState,
  type HandlingStats,
  type Middleware,
  type Receipt,
  type ResponderStats,
  type SubscriptionStats,
  settlesWithin,
  systemClock,
} from '@belfry/core';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { BoundedLabels } from './bounded-labels.js';
import { Tally } from './tally.js';

export interface MetricsOptions {
  readonly service: string;
  readonly bus: Bus;
  readonly ready: () => boolean;
}

/** From half a millisecond to half a minute. In seconds, as Prometheus wants them. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Whoever scrapes gives up after some seconds: what Redis has not answered by then is left out. */
const GROUPS_MS = 1_000;
/** Groups are asked for at most so often, however many scrape. */
const GROUPS_FRESH_MS = 5_000;

type AnyStats = HandlingStats & Partial<SubscriptionStats> & Partial<ResponderStats>;

/** What `stats` of subscriptions and responders have, as counters. */
const counters: readonly [name: string, help: string, read: (stats: AnyStats) => number | undefined][] = [
  ['received', 'Messages that arrived; of durable events, attempts that began', (stats) => stats.received],
  ['handled', 'Messages whose handler succeeded; requests that were answered', (stats) => stats.handled],
  ['failed', 'Messages whose handler threw', (stats) => stats.failed],
  ['dropped', 'Messages for which the queue was full', (stats) => stats.dropped],
  ['abandoned', 'Messages given up because the time for draining was over', (stats) => stats.abandoned],
  ['missed', 'Events that were published and never arrived', (stats) => stats.missed],
  ['recovered', 'Events that were missed and read again', (stats) => stats.recovered],
  ['retried', 'Failures of durable events that are tried again', (stats) => stats.durable?.retried],
  ['dead_lettered', 'Durable events that went to the dead letters', (stats) => stats.durable?.deadLettered],
  ['handed_over', 'Durable events given to other instances, unfinished', (stats) => stats.durable?.handedOver],
  ['claims_lost', 'Durable events taken by another instance meanwhile', (stats) => stats.durable?.claimsLost],
  ['repeated', 'Durable events dropped because they were completed before', (stats) => stats.durable?.repeated],
  ['lost', 'Durable events gone from the log before they were done with', (stats) => stats.durable?.lost],
  ['expired', 'Requests whose time was over before their turn came', (stats) => stats.expired],
  ['cancelled', 'Requests for whose answer nobody waited any more', (stats) => stats.cancelled],
];

/** How groups of durable events stand, as gauges. Every member of a group says the same. */
const groupGauges: readonly [name: string, help: string, read: (state: GroupState) => number][] = [
  ['lag', 'Events in the log that the group has not read yet', (state) => state.lag],
  ['pending', 'Events that the group has read and is not done with', (state) => state.pending],
  ['retries', 'Of those pending, the ones that wait for another attempt', (state) => state.retries],
  ['oldest_seconds', 'Age of the oldest event that is not done with; 0: all is done', (s) => (s.oldestAge ?? 0) / 1000],
  ['dead_letters', 'Dead letters of the group', (state) => state.deadLetters],
  ['members', 'Instances that work for the group', (state) => state.members],
];

const statuses: readonly BusStatus[] = ['idle', 'connected', 'interrupted', 'closed'];

/** What a service has done and how it stands, for Prometheus. It has a registry of its own: several services in one process do not meet. */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #registry = new Registry();
  readonly #contracts = new BoundedLabels();
  readonly #tally = new Tally<AnyStats>();
  readonly #handling: Histogram<'contract' | 'group' | 'outcome'>;
  readonly #publishes: Counter<'contract' | 'outcome'>;
  readonly #requests: Histogram<'contract' | 'outcome'>;
  #groups: Promise<readonly [contract: string, state: GroupState][]> = Promise.resolve([]);
  #groupsAskedAt = Number.NEGATIVE_INFINITY;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#registry.setDefaultLabels({ service: options.service });
    const registers = [this.#registry];
    this.#handling = new Histogram({
      name: 'belfry_handling_seconds',
      help: 'How long handlers took, middleware included; without those that answer with a stream',
      labelNames: ['contract', 'group', 'outcome'],
      buckets: BUCKETS,
      registers,
    });
    this.#publishes = new Counter({
      name: 'belfry_publishes_total',
      help: 'Publishes: published, unreceived (a group of a transient event was away), or the code of the error',
      labelNames: ['contract', 'outcome'],
      registers,
    });
    this.#requests = new Histogram({
      name: 'belfry_request_seconds',
      help: 'How long requests took that this service asked: answered, or the code of the error; without streams',
      labelNames: ['contract', 'outcome'],
      buckets: BUCKETS,
      registers,
    });
    this.#addHandling();
    this.#addAsking();
    this.#addGroups();
    this.#addBus();
  }

  /** All of it, in Prometheus's text format. */
  text(): Promise<string> {
    this.look();
    return this.#registry.metrics();
  }

  /** Sees what is subscribed to now: what is ended afterwards stays counted. */
  look(): void {
    const { subscriptions, responders, name } = this.#options.bus;
    for (const handle of subscriptions) this.#tally.add(handle, this.#labels(handle.sources.join(', '), handle.group));
    for (const handle of responders) this.#tally.add(handle, this.#labels(handle.request, name));
    this.#tally.keepOnly([...subscriptions, ...responders]);
  }

  /** Takes the time of what handlers do and of what is asked, and counts what is published. */
  readonly middleware: Middleware = async (call, next) => {
    const began = performance.now();
    try {
      const result = await next();
      this.#done(call, began, result);
      return result;
    } catch (error) {
      this.#failed(call, began, error);
      throw error;
    }
  };

  #done(call: Call, began: number, result: unknown): void {
    if (call.side === 'publish')
      this.#publishes.inc({ contract: this.#nameOf(call.contract), outcome: outcomeOf(call.contract, result) });
    else this.#took(call, began, call.side === 'request' ? 'answered' : 'handled');
  }

  #failed(call: Call, began: number, error: unknown): void {
    if (call.side === 'publish') this.#publishes.inc({ contract: this.#nameOf(call.contract), outcome: codeOf(error) });
    else if (call.side === 'request')
      this.#took(call, began, isDeclared(call.contract, error) ? 'answered' : codeOf(error));
    else this.#took(call, began, call.side === 'respond' && isDeclared(call.contract, error) ? 'handled' : 'failed');
  }

  #took(call: Exclude<Call, { side: 'publish' }>, began: number, outcome: string): void {
    if (call.contract?.kind === 'request' && call.contract.stream) return; // it has only begun
    const seconds = (performance.now() - began) / 1000;
    const contract = this.#nameOf(call.contract);
    if (call.side === 'request') this.#requests.observe({ contract, outcome }, seconds);
    else {
      const group = call.side === 'respond' ? this.#options.bus.name : (call.context.group ?? '');
      this.#handling.observe({ contract, group, outcome }, seconds);
    }
  }

  #nameOf(contract: AnyContract | AnyRequest | undefined): string {
    return contract === undefined ? '(pattern)' : this.#contracts.bound(contract.channel);
  }

  #labels(contract: string, group: string | undefined) {
    return { contract: this.#contracts.bound(contract), group: group ?? '' };
  }

  #addHandling(): void {
    const registers = [this.#registry];
    const labelNames = ['contract', 'group'] as const;
    const tally = this.#tally;
    for (const [name, help, read] of counters) {
      new Counter({
        name: `belfry_messages_${name}_total`,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          tally.sum(read, (labels, sum) => this.inc({ ...labels }, sum));
        },
      });
    }
    new Counter({
      name: 'belfry_messages_rejected_total',
      help: 'Messages that never reached a handler, by reason',
      labelNames: [...labelNames, 'reason'],
      registers,
      collect() {
        this.reset();
        for (const reason of ['unreadable', 'wrongContract', 'tooLarge', 'invalid'] as const)
          tally.sum(
            ({ rejected }) => rejected[reason],
            (labels, sum) => this.inc({ ...labels, reason }, sum),
          );
      },
    });
    for (const [name, help, read] of [
      ['queued', 'Messages that wait for their turn in this process', (stats: AnyStats) => stats.queued],
      ['in_flight', 'Messages that are being handled', (stats: AnyStats) => stats.inFlight],
    ] as const) {
      new Gauge({
        name: `belfry_messages_${name}`,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          tally.sum(read, (labels, sum) => this.set({ ...labels }, sum));
        },
      });
    }
  }

  #addAsking(): void {
    const registers = [this.#registry];
    const { bus } = this.#options;
    for (const [name, help] of [
      ['asked', 'Requests that this service asked'],
      ['answered', 'Of those, the ones that were answered, also with an error that the contract declares'],
      ['failed', 'Of those, the ones that ended with an error of Belfry, timeouts and aborts too'],
      ['late', 'Parts of answers that nobody waited for any more'],
    ] as const) {
      new Counter({
        name: `belfry_requests_${name}_total`,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(bus.requests[name]);
        },
      });
    }
    new Gauge({
      name: 'belfry_requests_in_flight',
      help: 'Requests that wait for an answer',
      registers,
      collect() {
        this.set(bus.requests.inFlight);
      },
    });
  }

  #addGroups(): void {
    const states = () => this.#groupStates();
    for (const [name, help, read] of groupGauges) {
      new Gauge({
        name: `belfry_group_${name}`,
        help,
        labelNames: ['contract', 'group'],
        registers: [this.#registry],
        async collect() {
          const known = await states();
          this.reset();
          for (const [contract, state] of known) this.set({ contract, group: state.group }, read(state));
        },
      });
    }
  }

  #addBus(): void {
    const registers = [this.#registry];
    const { bus, ready } = this.#options;
    new Gauge({
      name: 'belfry_ready',
      help: '1: the service is ready for work',
      registers,
      collect() {
        this.set(ready() ? 1 : 0);
      },
    });
    new Gauge({
      name: 'belfry_bus_status',
      help: '1 for what the bus is now: idle, connected, interrupted or closed',
      labelNames: ['status'],
      registers,
      collect() {
        for (const status of statuses) this.set({ status }, bus.status === status ? 1 : 0);
      },
    });
    const interruptions = new Counter({
      name: 'belfry_bus_interruptions_total',
      help: 'How often the connection to the broker was away',
      registers,
    });
    const outages = new Counter({
      name: 'belfry_bus_outage_seconds_total',
      help: 'For how long it was away, outages that have ended',
      registers,
    });
    bus.on('interrupted', () => interruptions.inc());
    bus.on('resumed', ({ outageMs }) => outages.inc(Math.max(0, outageMs) / 1000));
  }

  /** Of the groups of durable events that this service works for. What cannot be said is left out: a scrape never fails for it. */
  #groupStates(): Promise<readonly [contract: string, state: GroupState][]> {
    const now = performance.now();
    if (now - this.#groupsAskedAt < GROUPS_FRESH_MS) return this.#groups;
    this.#groupsAskedAt = now;
    this.#groups = this.#askForGroups();
    return this.#groups;
  }

  async #askForGroups(): Promise<[contract: string, state: GroupState][]> {
    const { bus } = this.#options;
    const found: [string, GroupState][] = [];
    if (bus.status !== 'connected') return found; // it would wait for the broker
    const ours = new Map<string, Set<string>>(); // by contract
    for (const { sources, group, stats } of bus.subscriptions) {
      if (group === undefined || stats.durable === undefined) continue;
      for (const source of sources) ours.set(source, (ours.get(source) ?? new Set()).add(group));
    }
    const asking = Array.from(ours, async ([source, groups]) => {
      const contract = this.#contracts.bound(source);
      for (const state of await bus.inspect(source).groups())
        if (groups.has(state.group)) found.push([contract, state]);
    });
    await settlesWithin(systemClock, GROUPS_MS, Promise.allSettled(asking));
    return [...found];
  }
}

const isDeclared = (contract: AnyRequest, error: unknown): boolean => isRequestError(error) && contract.isError(error);

/** What came of a publish that went well. */
function outcomeOf(contract: AnyContract, receipt: unknown): string {
  if (contract.kind !== 'event' || contract.guarantee === 'durable') return 'published';
  const { groups = {} } = (receipt ?? {}) as Partial<Receipt>; // a middleware may return what it likes
  return Object.values(groups).includes(0) ? 'unreceived' : 'published';
}

/** One of Belfry's own codes: there are only so many of them. */
const codeOf = (error: unknown): string =>
  BelfryError.is(error) && (errorCodes as readonly string[]).includes(error.code) ? error.code : 'ERROR';
