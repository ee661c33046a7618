import { BelfryError } from '@belfry/contracts';
import { type Clock, dateOn, type Timer } from './clock.js';

/**
 * Until when somebody waits, and a signal for whoever works on it. The signal and its timer are made when they are first asked for: most
 * handlers are done before.
 */
export class Deadline {
  readonly #clock: Clock;
  /** For messages: what is over. */
  readonly #of: string;
  #at: number;
  #abort: AbortController | undefined;
  #timer: Timer | undefined;
  #reason: unknown;
  #ended = false;

  constructor(clock: Clock, at: number, of: string) {
    this.#clock = clock;
    this.#at = at;
    this.#of = of;
  }

  /** On the clock. */
  get at(): number {
    return this.#at;
  }

  /** The same in milliseconds since 1970. */
  get date(): number {
    return dateOn(this.#clock) + this.#at - this.#clock.now();
  }

  get isOver(): boolean {
    return this.#clock.now() >= this.#at;
  }

  /** Why it was aborted; `undefined` when it was not. */
  get reason(): unknown {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
      else this.#watch();
    }
    return this.#abort.signal;
  }

  /** Another time: for a stream, which has one for each value. */
  move(at: number): void {
    this.#at = at;
    if (this.#abort !== undefined) this.#watch();
  }

  abort(reason: unknown): void {
    if (this.#ended || this.#reason !== undefined) return;
    this.#reason = reason;
    this.#abort?.abort(reason);
    this.#timer?.cancel();
  }

  /** The work is done: nothing aborts any more. */
  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  #watch(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#ended || this.#reason !== undefined || this.#at === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.after(
      Math.max(0, this.#at - this.#clock.now()),
      () => this.abort(new BelfryError('REQUEST_TIMEOUT', { message: `the time for ${this.#of} is over.` })),
      'background',
    );
  }
}
