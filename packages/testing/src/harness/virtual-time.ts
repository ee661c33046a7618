import type { Clock } from '@belfry/core';
import { fakeTimers } from '../clock/fake-timers.js';
import { realNow, realPause } from '../clock/real-timers.js';
import type { VirtualClock } from '../clock/virtual-clock.js';
import type { Activity, Running } from './activity.js';
import type { Time } from './time.js';

/** Longer than anything in Belfry waits. */
const LONGEST_MS = 24 * 3_600_000;

/** Time that passes when the test says so: at once, from one thing that is due to the next. */
export class VirtualTime implements Time {
  readonly clock: Clock;
  readonly standsStill = true;
  readonly #clock: VirtualClock;
  readonly #activity: Activity;
  readonly #patienceMs: number;

  /** @param patienceMs how long to wait for what happens outside, in real time */
  constructor(clock: VirtualClock, activity: Activity, patienceMs: number) {
    this.clock = clock;
    this.#clock = clock;
    this.#activity = activity;
    this.#patienceMs = patienceMs;
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.#clock.now() + milliseconds;
    await this.#calm();
    while (this.#stepTo(end)) await this.#calm();
  }

  async until(isSo: () => boolean | Promise<boolean>, within = 0, calmly?: 'calmly'): Promise<boolean> {
    const end = this.#clock.now() + within;
    let deadline = realNow() + this.#patienceMs;
    for (;;) {
      // However long it takes: as long as something goes on, it may come.
      const isLast = realNow() > deadline;
      if (calmly || within > 0 || isLast) await this.#calm();
      if (await isSo()) return true;
      if (within > 0 && this.#stepTo(end)) deadline = realNow() + this.#patienceMs;
      else if (isLast || (within > 0 && this.#activity.running.length === 0)) return false;
      else await realPause(1);
    }
  }

  attend<T>(work: Promise<T>): Promise<T> {
    return work;
  }

  async finish<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    work.then(over, over);
    const end = this.#clock.now() + LONGEST_MS;
    await this.#calm();
    while (!isOver && this.#stepTo(end)) await this.#calm();
    return work;
  }

  #calm(): Promise<void> {
    const isAwaited = ({ messageId }: Running) =>
      this.#clock.appointments.some(({ isBackground, owner }) => !isBackground && owner === messageId);
    return this.#activity.calm((handler) => isAwaited(handler) || fakeTimers()?.dueIn !== undefined);
  }

  /** Goes on to what is due next, here or for the fakes; else to the end. False when it is there. */
  #stepTo(end: number): boolean {
    const now = this.#clock.now();
    const fakes = fakeTimers();
    const next = this.#clock.next?.at ?? Number.POSITIVE_INFINITY;
    const due = Math.min(next, now + (fakes?.dueIn ?? Number.POSITIVE_INFINITY));
    if (due > end && now >= end) return false;
    const time = Math.min(due, end);
    fakes?.pass(time - now);
    if (next <= time) this.#clock.step();
    else this.#clock.moveTo(time);
    return true;
  }
}
