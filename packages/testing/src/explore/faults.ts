import type { Random } from '@belfry/core/random';

/** What may go wrong in an exploration. */
export interface Faults {
  /** Instances die, before or after something of theirs has reached the broker; another one comes. @default true */
  readonly crashes?: boolean;
  /** Instances stand still, for longer than their claims too. @default true */
  readonly pauses?: boolean;
  /** An acknowledgement comes too late: the durable event is handled again. @default true */
  readonly duplicates?: boolean;
  /** Transient events, requests and replies get lost. @default true */
  readonly drops?: boolean;
}

/** One kind of fault. */
export type Fault = keyof Faults;

/** Fewer in all than a durable event has attempts by default: what goes wrong here alone sends nothing to the dead letters. */
const MOST: Record<Fault, number> = { crashes: 2, pauses: 2, duplicates: 2, drops: 2 };
const EAGERNESS = [0.03, 0.1, 0.4];

/** Decides what goes wrong under a seed: some seeds have none of a kind, and others have it early. It has an end, so everything comes to rest. */
export class FaultPlan {
  readonly #random: Random;
  readonly #left: Record<Fault, number>;
  readonly #eagerness: number;

  constructor(random: Random, faults: Faults = {}) {
    this.#random = random;
    this.#eagerness = random.pick(EAGERNESS);
    const budget = (fault: Fault) => {
      const count = random.below(MOST[fault] + 1); // drawn in any case: the same seed stays the same schedule
      return faults[fault] === false ? 0 : count;
    };
    this.#left = {
      crashes: budget('crashes'),
      pauses: budget('pauses'),
      duplicates: budget('duplicates'),
      drops: budget('drops'),
    };
  }

  /** Whether it goes wrong now. */
  strikes(fault: Fault): boolean {
    if (this.#left[fault] === 0 || !this.#random.chance(this.#eagerness)) return false;
    this.#left[fault]--;
    return true;
  }
}
