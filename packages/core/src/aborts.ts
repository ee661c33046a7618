/** Listens to each signal once, however many wait for it: a signal with many listeners makes Node warn of a leak. */
export class Aborts {
  readonly #waiting = new Map<AbortSignal, Set<(signal: AbortSignal) => void>>();

  /** How many signals are listened to. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Calls back when the signal aborts: it has not yet. */
  add(signal: AbortSignal, aborted: (signal: AbortSignal) => void): void {
    const waiting = this.#waiting.get(signal);
    if (waiting !== undefined) {
      waiting.add(aborted);
      return;
    }
    this.#waiting.set(signal, new Set([aborted]));
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  delete(signal: AbortSignal, aborted: (signal: AbortSignal) => void): void {
    const waiting = this.#waiting.get(signal);
    waiting?.delete(aborted);
    if (waiting?.size === 0) this.#forget(signal);
  }

  readonly #onAbort = ({ target }: Event): void => {
    const signal = target as AbortSignal;
    const waiting = this.#waiting.get(signal) ?? [];
    this.#forget(signal);
    for (const aborted of waiting) aborted(signal);
  };

  #forget(signal: AbortSignal): void {
    this.#waiting.delete(signal);
    signal.removeEventListener('abort', this.#onAbort);
  }
}
