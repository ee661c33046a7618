import { type Clock, systemClock } from '@belfry/core';
import { realNow, realPause } from '../clock/real-timers.js';
import type { Activity } from './activity.js';
import type { Time } from './time.js';

const LOOK_AGAIN_MS = 5;
/** What is on its way through Redis shows nowhere: nothing has happened for so long, so nothing is. */
const CALM_MS = 50;

/** Time that passes by itself: over Redis. */
export class RealTime implements Time {
  readonly clock: Clock = systemClock;
  readonly standsStill = false;
  readonly #activity: Activity;
  readonly #patienceMs: number;

  constructor(activity: Activity, patienceMs: number) {
    this.#activity = activity;
    this.#patienceMs = patienceMs;
  }

  async advance(): Promise<void> {
    throw new Error('harness.advance: over Redis time passes by itself. Leave `url` out to turn the clock.');
  }

  async until(isSo: () => boolean | Promise<boolean>, within = this.#patienceMs, calmly?: 'calmly'): Promise<boolean> {
    const deadline = realNow() + within;
    for (;;) {
      if (calmly) await this.#calm(deadline);
      if (await isSo()) return true;
      if (realNow() > deadline) return false;
      await realPause(LOOK_AGAIN_MS);
    }
  }

  attend<T>(work: Promise<T>): Promise<T> {
    return work;
  }

  finish<T>(work: Promise<T>): Promise<T> {
    return work;
  }

  async #calm(deadline: number): Promise<void> {
    let [count, since] = [this.#activity.count, realNow()];
    while (realNow() - since < CALM_MS && realNow() < deadline) {
      await realPause(LOOK_AGAIN_MS);
      if (this.#activity.count !== count) [count, since] = [this.#activity.count, realNow()];
    }
  }
}
