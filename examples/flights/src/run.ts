import type { JournalEntry } from './journal.js';
import type { AirportDays } from './truth.js';

/** How to run the fleet. */
export interface RunOptions {
  /** How long the replay takes. */
  readonly seconds: number;
  /** What `delays` spends on each flight, in milliseconds. */
  readonly workTimeMs: number;
  /** When so many journal entries are there, all is done. */
  readonly expectedEntries: number;
  /** Stops everything. */
  readonly signal: AbortSignal;
}

/** What the check goes by. */
export interface Evidence {
  readonly journal: readonly JournalEntry[];
  /** As `statistics` counted them. */
  readonly airportDays: AirportDays;
  /** Processes that ended before their time. */
  readonly deaths: readonly string[];
}

/** When not everything has been handled, and nothing more happens for so long, then nothing more will. */
export const QUIET_MS = 2000;

/** Rejects when the signal aborts, whatever the work does then. */
export async function unlessAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  await Promise.race([work(), aborted]);
}
