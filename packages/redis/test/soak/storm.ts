import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, faults } from './faults.js';
import { Random } from '@belfry/core/random';
import type { System } from './system.js';

/** So many faults may be under way at the same time. */
const LANES = 3;
const SHORTEST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 4000;

/** Faults by chance, several at once, until it is ended. The same seed draws the same faults. */
export class Storm {
  readonly counts: Record<string, number> = {};
  readonly #system: System;
  readonly #taken = new Set<string>();
  readonly #end = new AbortController();
  readonly #lanes: Promise<unknown>;

  constructor(system: System) {
    this.#system = system;
    this.#lanes = Promise.all(
      Array.from({ length: LANES }, (_, lane) => this.#rage(new Random(system.seed * LANES + lane))),
    );
    this.#lanes.catch(() => {});
  }

  get count(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  /** Lets the last faults come to their end. Rejects when one could not be put right. */
  async end(): Promise<void> {
    this.#end.abort();
    await this.#lanes;
  }

  async #rage(random: Random): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await sleep(random.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS), undefined, { signal }).catch(() => {});
      const name = random.pick(Object.keys(faults));
      const fault = faults[name]!(this.#system, random);
      if (!signal.aborted) await this.#strike(name, fault);
    }
  }

  async #strike(name: string, { takes, strike }: Fault): Promise<void> {
    if (takes.some((each) => this.#taken.has(each))) return;
    for (const each of takes) this.#taken.add(each);
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    await strike();
    for (const each of takes) this.#taken.delete(each);
  }
}
