import type { Clock, TransportNews } from '@belfry/core';

export interface LinkOptions {
  readonly tell: (news: TransportNews) => void;
  readonly clock: Clock;
}

/** The name of what comes and goes: a connection, for example. */
type Role = string;

/**
 * How the connections of an instance stand, taken together: connected while all that were ever there are there, and Redis allows all that it allowed
 * before. A connection that gives no sign of life is dropped by the heartbeat, and so counts as away.
 */
export class Link {
  readonly #options: LinkOptions;
  #wasUp = false;
  readonly #away = new Set<Role>();
  /** Where Redis refuses what it had allowed: perhaps for days, which is no outage of what it allows. */
  readonly #refusing = new Set<Role>();
  #awaySince = 0;
  #resumedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** When every connection was last there again after an interruption; now, while one is away; `-Infinity` when none ever was. */
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
    if (!this.#away.delete(role)) return;
    if (this.#away.size === 0) this.stirred();
    this.#tellOfEnd();
  }

  /** Redis refuses there what it had allowed. */
  refused(role: Role, reason: string): void {
    this.#lack(this.#refusing, role, reason);
  }

  /** Redis allows all of it again, or nobody needs it any more. */
  allowed(role: Role): void {
    if (!this.#refusing.delete(role)) return;
    this.stirred(); // what was refused has missed something
    this.#tellOfEnd();
  }

  /** Something was elsewhere for a moment, and what was sent meanwhile may have found nobody. */
  stirred(): void {
    this.#resumedAt = this.#options.clock.now();
  }

  down(role: Role, reason: string | undefined): void {
    this.#lack(this.#away, role, reason);
  }

  #lack(roles: Set<Role>, role: Role, reason: string | undefined): void {
    const { tell, clock } = this.#options;
    if (roles.has(role)) return; // it was about to be back
    const wasWell = this.#isWell;
    roles.add(role);
    if (!wasWell) return;
    this.#awaySince = clock.now();
    tell({ what: 'interrupted', reason });
  }

  #tellOfEnd(): void {
    const { tell, clock } = this.#options;
    if (this.#isWell) tell({ what: 'resumed', outageMs: clock.now() - this.#awaySince });
  }

  get #isWell(): boolean {
    return this.#away.size === 0 && this.#refusing.size === 0;
  }
}
