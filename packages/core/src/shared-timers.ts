import type { Clock, Timer } from './clock.js';

/** Who waits for a time to be over. */
export interface Timed {
  /** It is over: so many milliseconds. */
  timeOut(milliseconds: number): void;
}

/** What begins to wait in the same millisecond, and for equally long, has one timer together: under load that is most of what is asked. */
export class SharedTimers {
  readonly #clock: Clock;
  #latest: SharedTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back when so many milliseconds are over, unless it is cancelled before. */
  start(milliseconds: number, timed: Timed): SharedTimer {
    const now = this.#clock.now();
    if (this.#latest?.isFor(now, milliseconds) !== true)
      this.#latest = new SharedTimer(this.#clock, now, Math.max(0, milliseconds));
    this.#latest.add(timed);
    return this.#latest;
  }
}

/** One of them. */
export class SharedTimer {
  readonly #since: number;
  readonly #milliseconds: number;
  readonly #waiting = new Set<Timed>();
  readonly #timer: Timer;
  #isOver = false;

  constructor(clock: Clock, since: number, milliseconds: number) {
    this.#since = since;
    this.#milliseconds = milliseconds;
    this.#timer = clock.after(milliseconds, () => this.#timeOut());
  }

  isFor(since: number, milliseconds: number): boolean {
    return since === this.#since && milliseconds === this.#milliseconds && !this.#isOver;
  }

  add(timed: Timed): void {
    this.#waiting.add(timed);
  }

  cancel(timed: Timed): void {
    if (!this.#waiting.delete(timed) || this.#waiting.size > 0) return;
    this.#isOver = true;
    this.#timer.cancel();
  }

  #timeOut(): void {
    this.#isOver = true;
    const waiting = [...this.#waiting];
    for (const timed of waiting) if (this.#waiting.delete(timed)) timed.timeOut(this.#milliseconds); // one may cancel another
  }
}
