import type { Clock } from '@belfry/core';

/** How time goes on in the world of a harness. */
export interface Time {
  readonly clock: Clock;
  /** It passes only when it is told to. */
  readonly standsStill: boolean;
  /** Lets so many milliseconds pass, and everything happen that is due by then. */
  advance(milliseconds: number): Promise<void>;
  /**
   * Waits until it is so: within so many milliseconds of the clock, as long as patience allows. Returns whether it is.
   * @param calmly look only when nothing goes on any more
   */
  until(isSo: () => boolean | Promise<boolean>, within?: number, calmly?: 'calmly'): Promise<boolean>;
  /** Waits for work that belongs to the world, without time passing where it stands still. */
  attend<T>(work: Promise<T>): Promise<T>;
  /** Waits for work that may need any time. */
  finish<T>(work: Promise<T>): Promise<T>;
}
