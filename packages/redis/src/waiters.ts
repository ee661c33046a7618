import { type Clock, settlesWithin } from '@belfry/core';

/** Those who wait until something happens, each with a patience of their own. */
export class Waiters {
  readonly #clock: Clock;
  readonly #wakes = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether anybody waits. */
  get areThere(): boolean {
    return this.#wakes.size > 0;
  }

  /** Resolves when it has happened, or `milliseconds` are over. */
  async wait(milliseconds: number): Promise<void> {
    let wake = () => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#wakes.add(wake);
    await settlesWithin(this.#clock, milliseconds, woken);
    this.#wakes.delete(wake);
  }

  /** It has happened. */
  wake(): void {
    for (const wake of this.#wakes) wake();
  }
}
