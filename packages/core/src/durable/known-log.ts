import type { Work } from './delivery.js';
import type { News } from './outcome.js';

/** What a worker knows of its log: enough to see that the broker has lost it, or is back with an older one. */
export class KnownLog {
  #epoch = '';
  #count = 0;

  /** An answer tells of the log. Returns what has become of it since the last one; `undefined`: it has only grown. */
  meet({ epoch, count }: Pick<Work, 'epoch' | 'count'>): News | undefined {
    const missing = this.#count - count;
    const isAnother = this.#epoch !== '' && epoch !== this.#epoch; // the first entry of all gives the log its epoch
    this.#epoch = epoch;
    this.#count = count;
    if (isAnother) return { what: 'emptied' };
    return missing > 0 ? { what: 'rewound', count: missing } : undefined;
  }
}
