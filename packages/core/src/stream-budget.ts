/** So much may be on its way to one caller, in characters, however many streams it has open. */
const LIMIT = 2_097_152;

/**
 * What all streams of this instance to one caller have on their way together. Redis ends a connection that lets more than 32 MB lie
 * (client-output-buffer-limit pubsub), and everything that is on its way to it is lost. A stream that has nothing on its way may always send one
 * letter, so that none waits for another that nobody takes from.
 */
export class StreamBudget {
  #used = 0;
  readonly #waiting = new Set<() => void>();

  get isSpent(): boolean {
    return this.#used >= LIMIT;
  }

  take(characters: number): void {
    this.#used += characters;
  }

  give(characters: number): void {
    this.#used -= characters;
    if (!this.isSpent) for (const wake of this.#waiting) wake();
  }

  /** Calls back when there is room again; call what it returns to stop that. */
  onRoom(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}

/** The budgets of the callers that have streams open. */
export class StreamBudgets {
  readonly #budgets = new Map<string, { readonly budget: StreamBudget; streams: number }>();

  /** @param caller `/service/instance` */
  open(caller: string): StreamBudget {
    const entry = this.#budgets.get(caller) ?? { budget: new StreamBudget(), streams: 0 };
    this.#budgets.set(caller, entry);
    entry.streams++;
    return entry.budget;
  }

  close(caller: string): void {
    const entry = this.#budgets.get(caller);
    if (entry !== undefined && --entry.streams === 0) this.#budgets.delete(caller);
  }
}
