/** Handlers may hold one turn of the event loop for so long; then whatever else the process does has its turn. */
const BUDGET_MS = 20;
/** The same of a handler that does not keep up. */
const PRESSED_BUDGET_MS = 1;
/** Then it may have one part of the time in so many, as long as more arrives: the rest is for reading. */
const PRESSED_PART = 5;
/** One slow handler does not keep the others waiting for longer than that. */
const LONGEST_READING_MS = 100;
/** Handlers that take less together may go on for several turns before one of them begins to count: most have nothing to fear, and need no turn more. */
const NOTICED_MS = 0.5;
// The real ones, whatever a test puts in their place afterwards: this is about the event loop, not about time.
const { setImmediate } = globalThis;
const now = performance.now.bind(performance);

interface Waiting {
  readonly callback: () => void;
  readonly isPressed: boolean;
}

/**
 * The share that handlers have of a turn of the event loop. Without it, handlers that never wait would run until everything that has arrived is handled,
 * and meanwhile nobody reads the socket: Redis cuts a subscriber off whose messages pile up.
 */
export class TurnBudget {
  #spent = 0;
  #isOpen = false;
  #hasArrived = false;
  /** More arrives than is handled: until then it is the turn of the socket. */
  #isReading = false;
  #readingUntil = 0;
  #waiting: Waiting[] = [];

  /** Something has arrived in this turn. */
  arrived(): void {
    this.#hasArrived = true;
  }

  /** True when this turn has had its share: the caller goes on by `later`. */
  isSpent(isPressed = false): boolean {
    if (this.#spent >= BUDGET_MS) return true;
    return isPressed && (this.#isReading || this.#spent >= PRESSED_BUDGET_MS);
  }

  /** Work that counts begins. Returns when. */
  begin(): number {
    return now();
  }

  /** It is over, or goes on by itself. */
  spend(began: number): void {
    this.#spent += now() - began;
    if (this.#spent >= NOTICED_MS) this.#open();
  }

  /** Calls back in the next turn in which there is time for it. */
  later(callback: () => void, isPressed = false): void {
    this.#waiting.push({ callback, isPressed });
    this.#open();
  }

  #open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    setImmediate(this.#renew);
  }

  readonly #renew = (): void => {
    const time = now();
    if (this.#spent >= PRESSED_BUDGET_MS)
      this.#readingUntil = time + Math.min(this.#spent * (PRESSED_PART - 1), LONGEST_READING_MS);
    // A turn in which nothing came shows that the socket has been read, or that something large is under way. Who waited for longer would let a handler
    // that keeps up fall behind for ever, once it is pressed: there is always something that comes.
    this.#isReading = time < this.#readingUntil && this.#hasArrived;
    this.#hasArrived = false;
    this.#spent = 0;
    this.#isOpen = false;
    if (this.#isReading) this.#open(); // until it is over
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const passedOver: Waiting[] = [];
    for (const each of waiting) {
      if (this.isSpent(each.isPressed)) passedOver.push(each);
      else each.callback();
    }
    if (passedOver.length === 0) return;
    this.#waiting = [...passedOver, ...this.#waiting]; // before those that have just been here
    this.#open();
  };
}

/** There is one event loop, whatever runs in it. */
export const turnBudget = new TurnBudget();
