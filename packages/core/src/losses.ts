import type { BusEvents, Gap } from './bus-events.js';
import type { Clock, Timer } from './clock.js';
import type { Logger } from './logger.js';

/** The figures that a subscription keeps of what it missed. */
export interface LossStats {
  missed: number;
  recovered: number;
}

export interface LossesOptions {
  /** What was subscribed to. */
  readonly title: string;
  readonly stats: LossStats;
  readonly events: BusEvents;
  /** When the connection was last back after an interruption. */
  readonly resumedAt: () => number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The publishers of a channel speak up one after the other: what they tell within so long is one line in the log. */
const GATHER_MS = 1000;
/** Where no outage parts one line from the next, this does. */
const LOG_INTERVAL_MS = 10_000;

/** Counts and tells what a subscription has missed: an event for each gap, a line in the log for each outage. */
export class Losses {
  readonly #options: LossesOptions;
  #untold = 0;
  readonly #channels = new Set<string>();
  #gathering: Timer | undefined;
  #waiting: Timer | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #toldOutage = Number.NaN;

  constructor(options: LossesOptions) {
    this.#options = options;
  }

  missed({ channel, source, missed, reason }: Omit<Gap, 'subscription'>): void {
    const { title, stats, events, clock } = this.#options;
    stats.missed += missed;
    this.#untold += missed;
    if (this.#channels.size < 10) this.#channels.add(channel);
    events.emit('gap', { subscription: title, channel, source, missed, reason });
    this.#gathering ??= clock.after(GATHER_MS, () => this.#log(), 'background');
  }

  /** What had been counted as missed came late. What has been logged of it is not taken back: it must not hide what is missed next. */
  found(count: number): void {
    this.#options.stats.missed -= count;
    this.#untold = Math.max(0, this.#untold - count);
  }

  recovered(channel: string, recovered: number): void {
    const { title, stats, events, logger } = this.#options;
    stats.recovered += recovered;
    events.emit('recovered', { subscription: title, channel, recovered });
    logger.info(
      { subscription: title, channel, recovered },
      'Events that were missed during an interruption have been read again.',
    );
  }

  /** Nothing more comes: what has not been logged is logged now. */
  end(): void {
    this.#log('now');
  }

  #log(when: 'now' | 'in turn' = 'in turn'): void {
    const { title, stats, resumedAt, logger, clock } = this.#options;
    this.#gathering?.cancel();
    this.#waiting?.cancel();
    this.#gathering = this.#waiting = undefined;
    if (this.#untold === 0) return;
    const [now, outage] = [clock.now(), resumedAt()];
    const left = this.#toldAt + LOG_INTERVAL_MS - now;
    // Once per outage; without one, now and then.
    if (when === 'in turn' && outage === this.#toldOutage && left > 0) {
      this.#waiting = clock.after(left, () => this.#log(), 'background');
      return;
    }
    logger.warn(
      { subscription: title, channels: [...this.#channels], missed: this.#untold, missedInAll: stats.missed },
      'Events were published that this subscription has never received. Use recover in the contract, or a durable event, where that matters.',
    );
    this.#untold = 0;
    this.#channels.clear();
    this.#toldAt = now;
    this.#toldOutage = outage;
  }
}
