/** Where Belfry gets its time from: the system, or a clock that a test turns. */
export interface Clock {
  /** Milliseconds from some moment on: to measure how long something takes, or is away. It goes on evenly, whatever the calendar does. */
  now(): number;
  /** Milliseconds since 1970, for what others are told: somebody may put them forward or back. Absent: what `now` says. */
  date?(): number;
  /** Calls `callback` once, after `milliseconds`. In the `background`, the wait alone does not keep the process alive. */
  after(milliseconds: number, callback: () => void, background?: 'background'): Timer;
}

/** Something that was asked of a {@link Clock} and can be called off. */
export interface Timer {
  cancel(): void;
}

/** The system's time. */
export const systemClock: Required<Clock> = {
  // Not Date.now(): a clock that was put back by an hour would keep whatever is measured by it waiting for that long.
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  date: () => Date.now(),
  after(milliseconds, callback, background) {
    let timeout: NodeJS.Timeout;
    const wait = (rest: number) => {
      timeout = setTimeout(
        () => (rest > LONGEST_TIMEOUT ? wait(rest - LONGEST_TIMEOUT) : callback()),
        Math.min(rest, LONGEST_TIMEOUT),
      );
      if (background) timeout.unref();
    };
    wait(milliseconds);
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** What the calendar says. */
export const dateOn = (clock: Clock): number => clock.date?.() ?? clock.now();

/** A longer one would be over at once. https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const LONGEST_TIMEOUT = 2_147_483_647;

/** Waits on a clock. */
export const sleep = (clock: Clock, milliseconds: number): Promise<void> =>
  new Promise((resolve) => clock.after(milliseconds, resolve));

/** True when `work` settled before `milliseconds` (perhaps `Infinity`) were over. Never rejects. */
export function settlesWithin(clock: Clock, milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer =
      milliseconds === Number.POSITIVE_INFINITY ? undefined : clock.after(milliseconds, () => resolve(false));
    const settled = () => {
      timer?.cancel();
      resolve(true);
    };
    work.then(settled, settled);
  });
}
