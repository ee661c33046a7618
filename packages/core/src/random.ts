/**
 * Chance that a seed decides: the same seed gives the same numbers, so what a test finds by chance it finds again. Not for secrets.
 * Mulberry32: https://github.com/bryc/code/blob/master/jshash/PRNGs.md#mulberry32
 */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed | 0;
  }

  /** From 0 up to 1, not included. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 up to `limit`, not included. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** From `least` up to `most`, not included. */
  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  /** True so often: 0 is never, 1 is always. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of the list, which must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** So many bytes. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
