import type { DeathReason, Delivery } from './delivery.js';

/** What became of an attempt. It says nothing any more when the attempt was acknowledged while it ran, by a commit. */
export type Outcome =
  | { readonly outcome: 'done'; readonly once?: { readonly messageId: string; readonly window: number } | undefined }
  | { readonly outcome: 'retry'; readonly delay: number }
  | { readonly outcome: 'dead'; readonly reason: DeathReason };

/** What a worker or a reader tells its owner. */
export type News =
  /** A delivery was settled too late: somebody else has it, or had it. */
  | { readonly what: 'refused'; readonly held: Delivery }
  /** The worker was silent for so long that others took what it held. */
  | { readonly what: 'lapsed'; readonly count: number }
  /** So many more entries were gone from the log before the group was done with them. */
  | { readonly what: 'lost'; readonly count: number }
  /** The group had completed so many before: they were dropped. */
  | { readonly what: 'repeated'; readonly count: number }
  /** The broker is back with older data: so many events that it had confirmed are gone from the log. */
  | { readonly what: 'rewound'; readonly count: number }
  /** The broker has lost the log, with everything in it. */
  | { readonly what: 'emptied' }
  /** The broker cannot be asked. */
  | { readonly what: 'unavailable'; readonly error: unknown };
