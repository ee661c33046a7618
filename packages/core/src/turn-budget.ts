/** Handlers may hold one turn of the event loop for so long; then whatever else the process does has its turn. */
const BUDGET_MS = 20;
/** The same while more arrives than can be handled: then what matters is that the socket is read. */
const PRESSED_BUDGET_MS = 1;
/** Handlers that take less together may go on for several turns before one of them begins to count: most have nothing to fear, and need no turn more. */
const NOTICED_MS = 0.5;
// The real ones, whatever a test puts in their place afterwards: this is about the event loop, not about time.
const { setImmediate } = globalThis;
const now = performance.now.bind(performance);

/**
 * The share that handlers have of a turn of the event loop. Without it, handlers that never wait would run until everything that has arrived is handled,
 * and meanwhile nobody reads the socket: Redis cuts a subscriber off whose messages pile up.
 */
export class TurnBudget {
  #spent = 0;
  #isOpen = false;
  #waiting: (() => void)[] = [];

  /** True when this turn has had its share: the caller goes on by `later`. */
  isSpent(isPressed = false): boolean {
    return this.#spent >= (isPressed ? PRESSED_BUDGET_MS : BUDGET_MS);
  }

  /** Work that counts begins. Returns when. */
  begin(): number {
    return now();
  }

  /** It is over, or goes on by itself. */
  spend(began: number): void {
    this.#spent += now() - began;
    if (this.#isOpen || this.#spent < NOTICED_MS) return;
    this.#isOpen = true;
    setImmediate(this.#renew);
  }

  /** Calls back in the next turn in which there is time. */
  later(callback: () => void): void {
    this.#waiting.push(callback);
  }

  readonly #renew = (): void => {
    this.#spent = 0;
    this.#isOpen = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const [at, callback] of waiting.entries()) {
      if (this.isSpent()) {
        this.#waiting = [...waiting.slice(at), ...this.#waiting]; // before those that have just been here
        return;
      }
      callback();
    }
  };
}

/** There is one event loop, whatever runs in it. */
export const turnBudget = new TurnBudget();
