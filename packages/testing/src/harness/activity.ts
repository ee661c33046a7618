import { nextTurn, realNow, realPause } from '../clock/real-timers.js';

/** A handler that runs. */
export interface Running {
  /** The message that it handles. */
  readonly messageId: string;
  /** For people. */
  readonly title: string;
  /** The bus on which it runs. */
  readonly instance: string;
  /** Since when, on the clock of the harness. */
  readonly since: number;
}

/** When nothing has happened for so many turns of the event loop, nothing will before time goes on, or the world outside answers. */
const CALM_TURNS = 2;
/** Something that goes on without any time passing, and without an end, runs in a circle. */
const CIRCLE_MS = 30_000;
/** What a handler waits for outside of Belfry has so long to come, in real time, before the clock goes on all the same. */
const OUTSIDE_MS = 200;

/** Knows what goes on: whether anything happens, and which handlers run. */
export class Activity {
  #count = 0;
  readonly #running = new Set<Running>();
  /** Handlers that have had their time to hear from outside: they wait for the clock. */
  readonly #patient = new WeakSet<Running>();

  /** Something happens in this turn of the event loop. */
  happen(): void {
    this.#count++;
  }

  begin(handler: Running): void {
    this.#running.add(handler);
    this.happen();
  }

  end(handler: Running): void {
    this.#running.delete(handler);
    this.happen();
  }

  /** Its handlers will not come to their end. */
  forget(instance: string): void {
    for (const handler of this.#running) if (handler.instance === instance) this.#running.delete(handler);
  }

  /** How much has happened: the same again means that nothing has. */
  get count(): number {
    return this.#count;
  }

  get running(): readonly Running[] {
    return [...this.#running];
  }

  /**
   * Resolves once nothing happens any more.
   * @throws Error when it goes on for ever
   */
  async quiet(): Promise<void> {
    const began = realNow();
    for (let calm = 0; calm < CALM_TURNS; ) {
      const before = this.#count;
      await nextTurn();
      calm = this.#count === before ? calm + 1 : 0;
      if (realNow() - began > CIRCLE_MS)
        throw new Error(
          `Something has been going on for ${CIRCLE_MS / 1000} s without time passing: does it run in a circle?`,
        );
    }
  }

  /**
   * Resolves once nothing goes on any more that does not wait for the clock. What a handler waits for outside (a file, a database) is given
   * a moment of real time.
   * @param waitsForClock whether it has asked for a callback at some time
   */
  async calm(waitsForClock: (handler: Running) => boolean): Promise<void> {
    await this.quiet();
    const isBusy = (handler: Running) => !this.#patient.has(handler) && !waitsForClock(handler);
    let [before, until] = [this.#count, realNow() + OUTSIDE_MS];
    while (this.running.some(isBusy)) {
      if (this.#count !== before) [before, until] = [this.#count, realNow() + OUTSIDE_MS];
      if (realNow() > until) {
        for (const handler of this.#running) this.#patient.add(handler);
        return;
      }
      await realPause(1);
      await this.quiet();
    }
  }
}
