import { BelfryError } from '@belfry/contracts';
import { claimLost, commitRefused } from './claim-errors.js';
import type { Delivery, DeliveryName, Settlement, Work } from './delivery.js';
import { type Commit, HeldDelivery } from './held.js';
import type { News, Outcome } from './outcome.js';

export interface HandsOptions {
  /** Whose deliveries they are, for errors. */
  readonly subject: string;
  /** Told when there is something to settle. */
  readonly onSettle: () => void;
  readonly tell: (news: News) => void;
}

/** So many settlements travel in one call. */
const MOST_SETTLEMENTS = 1000;

/**
 * The deliveries that a worker has in its hands, and what it has settled of which the broker has not heard. Each is settled once, and only while
 * it is its own: what others have by now it lets go, and tells the handler.
 */
export class Hands {
  readonly #options: HandsOptions;
  readonly #held = new Map<number, HeldDelivery>();
  /** What waits for a call. */
  #settlements: Settling[] = [];
  /** What travels with the call that is under way. */
  #underway: Settling[] = [];

  constructor(options: HandsOptions) {
    this.#options = options;
  }

  /** How many deliveries are in its hands. */
  get size(): number {
    return this.#held.size;
  }

  /** How many settlements wait for a call. */
  get unsent(): number {
    return this.#settlements.length;
  }

  /** How many deliveries the broker believes to be in its hands: what is settled only by this call, or the next, is still its own. */
  get holding(): number {
    // What a commit settles is still in its hands.
    return this.#held.size + this.#settled.filter(({ token }) => !this.#held.has(token)).length;
  }

  /** What it has of deliveries, of which the broker has not heard that they are settled. */
  get known(): DeliveryName[] {
    const known = [...this.#held.values(), ...this.#settled.map(({ settlement }) => settlement)];
    return known.map(({ id, token }) => ({ id, token }));
  }

  get #settled(): Settling[] {
    return [...this.#underway, ...this.#settlements];
  }

  /** Takes a delivery. */
  take(delivery: Delivery): HeldDelivery {
    const held = new HeldDelivery(delivery, this.#commit);
    this.#held.set(held.token, held);
    return held;
  }

  /** Whether it is its own. */
  has({ token }: DeliveryName): boolean {
    return this.#held.has(token);
  }

  /** Its handler has come to its end. */
  finish(held: HeldDelivery, outcome: Outcome): void {
    if (!this.#held.has(held.token)) return; // it was committed, or others have it by now
    this.#letGo(held);
    this.#settle(held, { id: held.id, token: held.token, ...outcome });
  }

  /** Gives one back. */
  release(held: HeldDelivery): void {
    this.#letGo(held);
    this.#settle(held, { id: held.id, token: held.token, outcome: 'release' });
  }

  /** Gives back all of them, and tells their handlers. Returns how many that were. */
  abandon(reason: unknown): number {
    const held = [...this.#held.values()];
    for (const each of held) {
      each.abort(reason);
      this.release(each);
    }
    return held.length;
  }

  /** Gives up everything: the broker is going away. */
  close(): void {
    const message = `the bus is closed, and ${this.#options.subject} was not acknowledged.`;
    const error = new BelfryError('BUS_CLOSED', { message });
    for (const { reject } of this.#settlements.splice(0)) reject?.(error);
    this.#held.clear();
  }

  /** What the next call takes along. */
  send(): Settlement[] {
    this.#underway = this.#settlements.splice(0, MOST_SETTLEMENTS);
    return this.#underway.map(({ settlement }) => settlement);
  }

  /** The call was answered. @param hasAsked it had asked what was kept of what is known */
  answered(work: Work, hasAsked: boolean): void {
    for (const each of this.#underway) this.#answer(each, work);
    this.#underway = [];
    if (work.lapsed) this.#lapse([...this.#held.values()]);
    else if (hasAsked) this.#lapse([...this.#held.values()].filter(({ token }) => !work.kept.includes(token)));
  }

  /** The call was not answered, or with a no: what it took along travels again. @param mayBeDone it may have been settled all the same */
  unanswered(mayBeDone: boolean): void {
    if (mayBeDone) for (const each of this.#underway) each.again = true;
    this.#settlements = [...this.#underway, ...this.#settlements];
    this.#underway = [];
  }

  /** What is in its hands is the last that is left of the log: it is handled all the same, and there is nothing to acknowledge. */
  orphan(): void {
    for (const held of this.#held.values()) held.orphaned = true;
    for (const each of this.#underway) each.again = true;
    this.#held.clear();
  }

  readonly #commit: Commit = (held, commands, once) => {
    const { subject } = this.#options;
    if (!this.#held.has(held.token)) return Promise.reject(claimLost(subject));
    if (held.isCommitting) return Promise.reject(commitRefused(subject, 'another one of the same is under way.'));
    const { id, token } = held;
    return new Promise((resolve, reject) => {
      this.#settle(held, { id, token, outcome: 'done', commands, once }, resolve, reject);
      held.isCommitting = true;
    });
  };

  #settle(held: HeldDelivery, settlement: Settlement, resolve?: () => void, reject?: (error: Error) => void): void {
    if (held.isCommitting) {
      held.afterwards ??= settlement;
      return;
    }
    this.#settlements.push({ settlement, token: held.token, held, again: false, resolve, reject });
    this.#options.onSettle();
  }

  #answer({ settlement, token, held, again, resolve, reject }: Settling, { refused, failed }: Work): void {
    const { subject, tell } = this.#options;
    held.isCommitting = false;
    const trouble = failed.find((each) => each.token === token);
    if (trouble !== undefined) {
      reject?.(commitRefused(subject, trouble.message)); // it is still in its hands, and the handler says what is to become of it
      if (held.afterwards !== undefined) this.#settle(held, held.afterwards);
      return;
    }
    this.#letGo(held);
    if (!refused.includes(token)) resolve?.();
    else if (reject !== undefined) {
      if (!held.orphaned) this.#lapse([held]); // its handler is told by the signal, too, and the owner
      reject(claimLost(subject));
    } else if (settlement.outcome !== 'release' && !again) tell({ what: 'refused', held });
  }

  /** Others have these by now. */
  #lapse(gone: readonly HeldDelivery[]): void {
    if (gone.length === 0) return;
    const { subject, tell } = this.#options;
    for (const held of gone) {
      this.#letGo(held);
      held.abort(claimLost(subject));
    }
    tell({ what: 'lapsed', count: gone.length });
  }

  #letGo(held: HeldDelivery): void {
    this.#held.delete(held.token);
  }
}

/** A settlement on its way. */
interface Settling {
  readonly settlement: Settlement;
  readonly token: number;
  readonly held: HeldDelivery;
  /** It was sent before, and the answer was lost: it may have been accepted then. */
  again: boolean;
  readonly resolve: (() => void) | undefined;
  readonly reject: ((error: Error) => void) | undefined;
}
