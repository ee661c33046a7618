import type { Clock, TransportNews } from '@belfry/core';

export interface LinkOptions {
  readonly tell: (news: TransportNews) => void;
  readonly clock: Clock;
}

/** The name of what comes and goes: a connection, for example. */
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
  #resumedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** When everything was last there again after an interruption; now, while something is away; `-Infinity` when nothing ever was. */
  get resumedAt(): number {
    return this.#away.size > 0 ? this.#options.clock.now() : this.#resumedAt;
  }

  up(role: Role): void {
    if (!this.#wasUp) {
      this.#wasUp = true;
      this.#options.tell({ what: 'connected' });
    } else this.gone(role);
  }

  /** Nobody needs it any more. */
  gone(role: Role): void {
    const { tell, clock } = this.#options;
    if (!this.#away.delete(role) || this.#away.size > 0) return;
    this.#resumedAt = clock.now();
    tell({ what: 'resumed', outageMs: this.#resumedAt - this.#awaySince });
  }

  /** Something was elsewhere for a moment, and what was sent meanwhile may have found nobody. */
  stirred(): void {
    this.#resumedAt = this.#options.clock.now();
  }

  down(role: Role, reason: string | undefined): void {
    const { tell, clock } = this.#options;
    if (this.#away.has(role)) return; // it was about to be back
    this.#away.add(role);
    if (this.#away.size > 1) return;
    this.#awaySince = clock.now();
    tell({ what: 'interrupted', reason });
  }
}
