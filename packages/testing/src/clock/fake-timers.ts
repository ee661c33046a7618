/** What is read of the timers that vitest, jest and sinon put into the place of Node's: https://github.com/sinonjs/fake-timers */
interface FakeClock {
  readonly now: number;
  readonly timers?: Readonly<Record<string, { readonly callAt: number }>>;
  tick(milliseconds: number): unknown;
}

/** The fake timers that are in place now; `undefined` while Node's own are. */
export function fakeTimers(): FakeTimers | undefined {
  const { clock } = globalThis.setTimeout as { clock?: FakeClock };
  return typeof clock?.tick === 'function' ? new FakeTimers(clock) : undefined;
}

/** Timers of a test, that are turned together with Belfry's clock. */
export class FakeTimers {
  constructor(private readonly clock: FakeClock) {}

  /** In how many milliseconds the next is due; `undefined`: none waits. */
  get dueIn(): number | undefined {
    const times = Object.values(this.clock.timers ?? {}).map(({ callAt }) => callAt);
    return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - this.clock.now);
  }

  /** Lets so much time pass for them. */
  pass(milliseconds: number): void {
    this.clock.tick(milliseconds);
  }
}
