import type { Clock, Timer } from '../clock.js';
import type { Logger } from '../logger.js';
import type { Durability } from './durability.js';

/** A watched log is looked at so often in any case: others delay events, too, and may be gone when they are due. */
const INTERVAL_MS = 60_000;
/** After a look that failed, so soon again. */
const AGAIN_MS = 5000;

interface Look {
  readonly at: number;
  readonly timer: Timer;
}

/**
 * Sees to it that delayed events are appended when they are due. Whoever works on their log does so, too, but may have no right to append, and
 * perhaps nobody works on it just now.
 */
export class Delays {
  readonly #durable: Durability | undefined;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #watched = new Set<string>();
  /** By channel, the next look at it. */
  readonly #looks = new Map<string, Look>();
  #isOver = false;

  constructor(durable: Durability | undefined, logger: Logger, clock: Clock) {
    this.#durable = durable;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Looks after a log from now on: also after what others have delayed. */
  watch(channel: string): void {
    if (this.#watched.has(channel)) return;
    this.#watched.add(channel);
    void this.#look(channel);
  }

  /** An event was delayed by so many milliseconds. */
  expect(channel: string, delay: number): void {
    this.#lookIn(channel, delay);
  }

  stop(): void {
    this.#isOver = true;
    for (const { timer } of this.#looks.values()) timer.cancel();
    this.#looks.clear();
  }

  #lookIn(channel: string, milliseconds: number): void {
    if (this.#isOver || this.#durable?.mature === undefined) return;
    const at = this.#clock.now() + milliseconds;
    const next = this.#looks.get(channel);
    if (next !== undefined && next.at <= at) return;
    next?.timer.cancel();
    const look = () => {
      this.#looks.delete(channel);
      void this.#look(channel);
    };
    this.#looks.set(channel, { at, timer: this.#clock.after(milliseconds, look, 'background') });
  }

  async #look(channel: string): Promise<void> {
    try {
      const dueIn = await this.#durable?.mature?.(channel);
      if (dueIn !== undefined) this.#lookIn(channel, dueIn);
      if (this.#watched.has(channel)) this.#lookIn(channel, INTERVAL_MS);
    } catch (error) {
      this.#logger.debug({ channel, err: error }, 'Delayed events could not be looked after.');
      this.#lookIn(channel, AGAIN_MS);
    }
  }
}
