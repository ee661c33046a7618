/** How many messages one subscription may handle at a time, shared by everything that takes messages for it. */
export class Slots {
  readonly limit: number;
  #used = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.limit = limit;
  }

  get free(): number {
    return this.limit - this.#used;
  }

  get used(): number {
    return this.#used;
  }

  /** Called whenever there is room again. */
  onFree(callback: () => void): void {
    this.#waiting.add(callback);
  }

  take(): void {
    this.#used++;
  }

  /** Gives one back. @param self goes on by itself; the others are told */
  give(self?: () => void): void {
    this.#used--;
    if (this.#waiting.size === 1 && self !== undefined) return;
    for (const callback of this.#waiting) if (callback !== self) callback();
  }
}
