import { BelfryError } from '@belfry/contracts';
import type { Clock, Timer } from './clock.js';
import type { Logger } from './logger.js';
import type { Transport } from './transport.js';

export interface RivalsOptions {
  readonly transport: Transport;
  /** The own group: the service's name. */
  readonly group: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

const INTERVAL = 5000;

/** A request has one responding service. Finds others that respond to the same, at the start and, when two start together, soon after. */
export class Rivals {
  readonly #options: RivalsOptions;
  /** By channel of a request that this service responds to, the rivals that have been reported. */
  readonly #watched = new Map<string, string>();
  #timer: Timer | undefined;

  constructor(options: RivalsOptions) {
    this.#options = options;
  }

  /** @throws BelfryError `DUPLICATE_RESPONDER`; what the transport says when it cannot tell */
  async refuse(channel: string): Promise<void> {
    const rivals = await this.#rivalsOn(channel);
    if (rivals.length === 0) return;
    throw new BelfryError('DUPLICATE_RESPONDER', {
      message: `${this.#options.group} cannot respond to ${titleOf(channel)}: ${rivals.join(' and ')} ${rivals.length > 1 ? 'respond' : 'responds'} to it already.`,
      hint: 'A request has one responding service. Stop the other, or give the request another name or version.',
    });
  }

  /** Looks again now and then, and logs what it finds. */
  watch(channel: string): void {
    this.#watched.set(channel, '');
    void this.#look(channel);
    this.#timer ??= this.#later();
  }

  unwatch(channel: string): void {
    this.#watched.delete(channel);
    if (this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #later(): Timer {
    return this.#options.clock.after(
      INTERVAL,
      () => {
        this.#timer = this.#later();
        for (const channel of this.#watched.keys()) void this.#look(channel);
      },
      'background',
    );
  }

  async #look(channel: string): Promise<void> {
    const found = await this.#rivalsOn(channel).catch(() => undefined); // the broker is away: the next look tells
    const rivals = found?.join(' and ');
    if (rivals === undefined || !this.#watched.has(channel) || this.#watched.get(channel) === rivals) return;
    this.#watched.set(channel, rivals);
    if (rivals === '') return;
    this.#options.logger.error(
      { request: titleOf(channel), group: this.#options.group, rivals: found },
      'Another service responds to the same request: each of its callers reaches one of the two. Stop one of them.',
    );
  }

  async #rivalsOn(channel: string): Promise<string[]> {
    const { groups } = await this.#options.transport.audience(channel);
    return Object.keys(groups).filter((group) => group !== this.#options.group && (groups[group] ?? 0) > 0);
  }
}

/** `shop:pricing.quote/request` is, for people, pricing.quote. */
const titleOf = (channel: string): string => channel.slice(channel.lastIndexOf(':') + 1, channel.lastIndexOf('/'));
