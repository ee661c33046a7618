import type { Middleware } from 'belfry';
import type { FlightDelayed } from './contracts.js';

/** What a service did with one flight. */
export interface JournalEntry {
  readonly service: string;
  readonly did: 'published' | 'handled';
  /** The event's name. */
  readonly event: string;
  readonly flight: number;
}

/**
 * Writes down every flight that a service published or handled, so that the check can count them afterwards.
 * A middleware goes around both sides, so the handlers know nothing of it.
 */
export const journal =
  (service: string, write: (entry: JournalEntry) => void): Middleware =>
  async (call, next) => {
    const result = await next(); // what throws was not done
    const { flight } = call.data as Pick<FlightDelayed, 'flight'>;
    write({
      service,
      did: call.side === 'publish' ? 'published' : 'handled',
      event: call.contract?.name ?? '',
      flight,
    });
    return result;
  };
