import type { JournalEntry } from './journal.js';
import type { AirportDays } from './truth.js';

/** What a service in a process of its own tells its parent over the pipe between them. */
export type FromService =
  | { readonly type: 'ready'; readonly instance: string }
  | { readonly type: 'entry'; readonly entry: JournalEntry }
  | { readonly type: 'replayed' }
  | { readonly type: 'counted'; readonly departures: AirportDays }
  | { readonly type: 'failed'; readonly reason: string };

/** What the parent says. */
export type ToService = 'replay' | 'stop';
