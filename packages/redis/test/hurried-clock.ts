import { type Clock, systemClock, type Timer } from '@belfry/core';

/** The system's time, which a test can put forward: what is due by then happens at once. */
export class HurriedClock implements Clock {
  #ahead = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void; readonly timer: Timer }>();

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  after(milliseconds: number, callback: () => void, background?: 'background'): Timer {
    const once = () => {
      this.#timers.delete(waiting);
      callback();
    };
    const timer = systemClock.after(milliseconds, once, background);
    const waiting = { at: this.now() + milliseconds, callback: once, timer };
    this.#timers.add(waiting);
    return {
      cancel: () => {
        timer.cancel();
        this.#timers.delete(waiting);
      },
    };
  }

  putForward(milliseconds: number): void {
    this.#ahead += milliseconds;
    for (const { at, callback, timer } of [...this.#timers]) {
      if (at > this.now()) continue;
      timer.cancel();
      callback();
    }
  }
}
