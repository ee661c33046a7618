import { type AnyContract, BelfryError } from '@belfry/contracts';
import type { BusEvents } from './bus-events.js';
import { Losses } from './losses.js';
import { matchesPattern } from './pattern.js';
import { Receiver, type ReceiverOptions } from './receiver.js';
import { Recovery } from './recovery.js';
import type { Receiving } from './running.js';
import { SequenceWatch } from './sequence-watch.js';
import { type Standing, standingOf } from './standing.js';
import type { SubscriptionStats } from './subscription-stats.js';
import type { Origin, Source, Transport, TransportSubscription } from './transport.js';

export interface TransientSubscriptionOptions extends ReceiverOptions {
  readonly stats: SubscriptionStats;
  readonly transport: Transport;
  readonly events: BusEvents;
}

/**
 * The subscription to transient events and bare payloads. What a broadcast or a pattern misses is noticed and told, or read again where the contract
 * says so; a group whose queue is filling up leaves the work to its other members.
 */
export class TransientSubscription implements Receiving {
  readonly stats: SubscriptionStats;
  readonly #options: TransientSubscriptionOptions;
  readonly #receiver: Receiver;
  readonly #losses: Losses;
  readonly #watch: SequenceWatch;
  readonly #recoveries = new Set<Recovery>();
  #links: readonly TransportSubscription[] = [];

  constructor(options: TransientSubscriptionOptions) {
    this.#options = options;
    const { title, stats, events, transport, logger, clock } = options;
    this.stats = stats;
    this.#receiver = new Receiver({ ...options, onPressure: (full) => this.#pressed(full) });
    const resumedAt = () => transport.resumedAt;
    this.#losses = new Losses({ title, stats, events, resumedAt, logger, clock });
    this.#watch = new SequenceWatch({ losses: this.#losses, resumedAt, clock });
  }

  /** What waits and what runs. */
  get load(): Receiver['load'] {
    return this.#receiver.load;
  }

  /** Resolves once the broker has confirmed all of it; or none of it stays. */
  async open(): Promise<TransportSubscription[]> {
    const confirmed = await Promise.allSettled(this.#sources().map((source) => this.#listen(source)));
    const links = confirmed.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failure = confirmed.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      await Promise.allSettled(links.map((link) => link.end()));
      throw failure.reason;
    }
    this.#links = links;
    const end = async () => {
      await Promise.allSettled(links.map((link) => link.end()));
      this.#watch.end();
      this.#losses.end();
    };
    return [{ end }];
  }

  /** The connection is back after an interruption. */
  resumed(): void {
    for (const recovery of this.#recoveries) recovery.catchUp();
  }

  idle(): Promise<void> {
    return this.#receiver.idle();
  }

  abandon(): void {
    this.#receiver.abandon();
  }

  #sources(): Source[] {
    const { contracts, pattern, group } = this.#options;
    if (pattern !== undefined) return [{ kind: 'pattern', pattern }];
    return Array.from(contracts, ([channel, contract]) => {
      if (contract.kind === 'channel') return { kind: 'bare', channel };
      return group === undefined ? { kind: 'broadcast', channel } : { kind: 'group', channel, group };
    });
  }

  async #listen(source: Source): Promise<TransportSubscription> {
    const { transport, contracts } = this.#options;
    if (source.kind === 'group' || source.kind === 'bare') return transport.subscribe(source, this.#receiver.deliver);
    const contract = source.kind === 'broadcast' ? contracts.get(source.channel) : undefined;
    if (source.kind !== 'broadcast' || contract?.kind !== 'event' || contract.recovery === undefined)
      return transport.subscribe(source, this.#deliverWatched);
    const recovery = this.#recoveryOf(source.channel, contract);
    await recovery.start();
    const link = await transport.subscribe(source, (body, origin) => {
      const standing = standingOf(body, origin.shared);
      if (standing === undefined || !recovery.take(body, standing)) this.#deliver(body, origin, standing);
    });
    this.#recoveries.add(recovery);
    return {
      end: async () => {
        await link.end();
        this.#recoveries.delete(recovery);
        recovery.end();
      },
    };
  }

  readonly #deliverWatched = (body: string, origin: Origin): void => {
    const { pattern } = this.#options;
    const isWatched = pattern === undefined || matchesPattern(pattern, origin.channel);
    this.#deliver(body, origin, isWatched ? standingOf(body, origin.shared) : undefined);
  };

  #deliver(body: string, origin: Origin, standing: Standing | undefined): void {
    if (standing !== undefined) this.#watch.see(origin.channel, standing);
    this.#receiver.deliver(body, origin);
  }

  #recoveryOf(channel: string, { name }: AnyContract): Recovery {
    const { title, transport, logger, clock } = this.#options;
    const { history, unsupported } = transport;
    if (history === undefined) {
      throw new BelfryError('UNSUPPORTED', {
        message: `${name}: this transport has no recovery.`,
        hint: unsupported.recovery ?? 'Leave recover out of the contract.',
      });
    }
    return new Recovery({
      channel,
      read: (after, count) => history.call(transport, channel, after, count),
      deliver: (body) => this.#receiver.deliver(body, { channel }),
      room: this.#receiver.room,
      watch: this.#watch,
      losses: this.#losses,
      refused: (error) =>
        logger.error(
          { subscription: title, channel, err: error },
          'What was missed cannot be read again: the broker refuses to give the history of the channel.',
        ),
      clock,
    });
  }

  #pressed(full: boolean): void {
    const { title, group, stats, events } = this.#options;
    for (const link of this.#links) link.stepAside?.(full);
    events.emit('pressure', { subscription: title, group, full, queued: stats.queued, dropped: stats.dropped });
  }
}
