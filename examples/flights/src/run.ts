import type { FlightDeparted } from './contracts.js';
import type { Journal } from './journal.js';
import type { PageAddress } from './page-server.js';
import type { Truth } from './truth.js';

/** How to run the fleet. */
export interface RunOptions {
  /** How long the replay takes. */
  readonly seconds: number;
  /** What `delays` spends on each flight, in milliseconds. */
  readonly workTimeMs: number;
  /** Where the board has its page, if it has one. */
  readonly page: PageAddress | undefined;
  /** When so many flights were published or handled, all is done. */
  readonly expectedFlights: number;
  /** Stops everything. */
  readonly signal: AbortSignal;
}

/** What the check goes by. */
export interface Evidence {
  /** One of each instance. */
  readonly journals: readonly Journal[];
  /** As `statistics` counted them: departures in its processes, long delays where it commits them. */
  readonly airportDays: Truth['airportDays'];
  /** Of {@link LISTED_AIRPORT}, as `airports` listed them at the end. */
  readonly departures: readonly FlightDeparted[];
}

/** The one that `airports` is asked about at the end: the busiest. */
export const LISTED_AIRPORT = 'ORD';

/**
 * When not everything has been handled, and nothing more happens for so long, then nothing more will: no request takes longer, and what a
 * dead replica had in hand is taken over before that.
 */
export const QUIET_MS = 6000;

/** Rejects when the signal aborts, whatever the work does then. */
export async function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([work(), aborted]);
}
