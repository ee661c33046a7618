import { BelfryError, type EventContract } from '@belfry/contracts';
import type { Clock, Timer } from '../clock.js';
import type { Logger } from '../logger.js';
import type { Rejections } from '../rejections.js';
import type { Slots } from '../slots.js';
import type { DurableStats, Load, SubscriptionStats } from '../subscription-stats.js';
import type { Transport, TransportSubscription } from '../transport.js';
import { Attempts, type AttemptsOptions } from './attempts.js';
import { DOORBELL } from './durability.js';
import { LogReader } from './log-reader.js';
import type { Upkeep } from './upkeep.js';
import type { News } from './outcome.js';
import { Worker } from './worker.js';

export interface DurableSubscriptionOptions extends AttemptsOptions {
  readonly transport: Transport;
  readonly contract: EventContract;
  readonly instance: string;
  readonly slots: Slots;
  readonly claimTimeout: number;
  readonly from: 'start' | 'now';
  readonly upkeep: Upkeep;
  /** Aborts when the time for draining is over. */
  readonly signal: AbortSignal;
}

/** The log is looked after so often, also when nothing is published. */
const TEND_MS = 30_000;

/** The subscription to one durable channel: an instance's share of a group's work, or a reader of its own. */
export class DurableSubscription implements Load {
  readonly #options: DurableSubscriptionOptions;
  readonly #stats: SubscriptionStats & { readonly durable: DurableStats };
  readonly #rejections: Rejections;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #work: Worker | LogReader;
  #tending: Timer | undefined;

  constructor(options: DurableSubscriptionOptions) {
    this.#options = options;
    const { stats, rejections, logger, clock, transport, channel, group, instance, slots, claimTimeout, signal } =
      options;
    this.#stats = stats;
    this.#rejections = rejections;
    this.#logger = logger;
    this.#clock = clock;
    const { run } = new Attempts(options);
    const tell = (news: News) => this.#tell(news);
    const shared = { durable: transport.durable!, channel, slots, run, tell, clock };
    this.#work =
      group === undefined
        ? new LogReader({ ...shared, signal })
        : new Worker({
            ...shared,
            group,
            instance,
            claimTimeout,
            once: options.once !== undefined,
            resumedAt: () => transport.resumedAt,
          });
  }

  get queued(): number {
    return this.#work.queued;
  }

  get inFlight(): number {
    return this.#work.inFlight;
  }

  /** Resolves once the group is there, the doorbell is listened to, and the place is taken. */
  async open(): Promise<TransportSubscription> {
    const { transport, channel, group, from, contract, upkeep } = this.#options;
    const work = this.#work;
    if (group !== undefined) await transport.durable!.createGroup(channel, group, from);
    const source =
      group === undefined ? ({ kind: 'broadcast', channel } as const) : ({ kind: 'group', channel, group } as const);
    const bell = await transport.subscribe(source, (body) => this.#hear(body));
    try {
      await work.start();
    } catch (error) {
      await bell.end();
      throw error;
    }
    const tend = () => {
      upkeep.tend(channel, contract.retention);
      this.#tending = this.#clock.after(TEND_MS, tend, 'background');
    };
    tend();
    return { end: () => this.#end(bell) };
  }

  /** A doorbell may have been lost. */
  resumed(): void {
    this.#work.ring();
  }

  /** Resolves once everything is handled and settled that it has in its hands. */
  idle(): Promise<void> {
    return this.#work.idle();
  }

  /** Gives up, and in a group gives back, what is not done. Resolves when the broker has heard of it. */
  async abandon(reason: unknown): Promise<void> {
    if (this.#work instanceof LogReader) this.#stats.abandoned += this.#work.abandon();
    else {
      this.#stats.durable.handedOver += this.#work.abandon(reason);
      await this.#work.settled();
    }
  }

  async #end(bell: TransportSubscription): Promise<void> {
    this.#tending?.cancel();
    const released = this.#work.stop();
    if (released !== undefined) this.#stats.durable.handedOver += released;
    await bell.end();
  }

  #hear(body: string): void {
    if (this.#options.group === undefined || body === DOORBELL) {
      this.#work.ring();
      return;
    }
    this.#stats.received++;
    const { channel } = this.#options;
    const message = 'It came as a transient event: its publisher has another contract, and the event is in no log.';
    this.#rejections.add({ reason: 'wrongContract', channel, message });
  }

  #tell(news: News): void {
    const { title, channel, group } = this.#options;
    const fields = { subscription: title, channel, group };
    const { durable } = this.#stats;
    switch (news.what) {
      case 'refused':
        durable.claimsLost++;
        this.#logger.warn(
          { ...fields, entry: news.held.id, attempt: news.held.attempt },
          'An event was done only after another instance had taken it over: it may be handled twice. This process gave no sign of life for longer than claimTimeout.',
        );
        break;
      case 'lapsed':
        durable.claimsLost += news.count;
        this.#logger.warn(
          { ...fields, events: news.count },
          'Others have taken over what this instance held: it gave no sign of life for longer than claimTimeout.',
        );
        break;
      case 'lost':
        durable.lost += news.count;
        this.#logger.error(
          { ...fields, lost: news.count },
          'Events were gone from the log before they were handled: trimmed by the cap, or deleted. They are lost.',
        );
        break;
      case 'repeated':
        durable.repeated += news.count;
        break;
      case 'rewound':
        this.#logger.error(
          { ...fields, lost: news.count },
          'Redis is back with older data: events that it had confirmed are gone from the log, and what was acknowledged since comes again.',
        );
        break;
      case 'emptied':
        this.#logger.error(
          fields,
          'The log is another one than before: Redis has lost it, or it was deleted. Whatever was in it and not handled is lost. It goes on with the new one.',
        );
        break;
      case 'unavailable':
        // That Redis is away, its connection has said already: once, and not for every subscription.
        this.#logger[isOutage(news.error) ? 'debug' : 'warn'](
          { ...fields, err: news.error },
          'The log cannot be read; trying again until it can.',
        );
        break;
    }
  }
}

const isOutage = (error: unknown): boolean =>
  BelfryError.is(error) && ['TRANSPORT_UNAVAILABLE', 'PUBLISH_UNCONFIRMED', 'BUS_CLOSED'].includes(error.code);
