import type { Clock, TransportNews } from '@belfry/core';

export interface LinkOptions {
  readonly tell: (news: TransportNews) => void;
  readonly clock: Clock;
}

/** The name of a connection: `commands` or `subscriber`. */
type Role = string;

/**
 * How the connections of an instance stand, taken together: connected while all that were ever there are there. A connection that gives no sign of life
 * is dropped by the heartbeat, and so counts as away.
 */
export class Link {
  readonly #options: LinkOptions;
  #wasUp = false;
  readonly #away = new Set<Role>();
  #awaySince = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  up(role: Role): void {
    const { tell, clock } = this.#options;
    if (!this.#wasUp) {
      this.#wasUp = true;
      tell({ what: 'connected' });
    } else if (this.#away.delete(role) && this.#away.size === 0)
      tell({ what: 'resumed', outageMs: clock.now() - this.#awaySince });
  }

  down(role: Role, reason: string | undefined): void {
    const { tell, clock } = this.#options;
    this.#away.add(role);
    if (this.#away.size > 1) return;
    this.#awaySince = clock.now();
    tell({ what: 'interrupted', reason });
  }
}
