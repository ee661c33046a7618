import type { Clock, Timer } from '../../src/clock.js';
import { nextTurn } from '../../src/conformance/waiting.js';
import { Random } from '../../src/random.js';

/** So many turns in which something happens, and no time passes: somebody runs in a circle. */
const MOST_TURNS = 3000;

interface Appointment {
  readonly at: number;
  readonly callback: () => void;
}

/** What one seed has for itself: its chance, its time, and the trace of what happened. */
export class Exploration implements Clock {
  readonly seed: number;
  readonly trace: string[] = [];
  time = 1_000_000;
  #happened = 0;
  #fault: Error | undefined;
  /** The next comes first. */
  #appointments: Appointment[] = [];
  readonly #random: Random;

  constructor(seed: number) {
    this.seed = seed;
    this.#random = new Random(seed);
  }

  now(): number {
    return this.time;
  }

  after(milliseconds: number, callback: () => void): Timer {
    const appointment = { at: this.time + milliseconds, callback };
    const later = this.#appointments.findIndex(({ at }) => at > appointment.at);
    this.#appointments.splice(later < 0 ? this.#appointments.length : later, 0, appointment);
    return { cancel: () => this.#callOff(appointment) };
  }

  /**
   * Lets time pass, and looks at everything each time it has become quiet.
   * @throws Error with the trace, when something was found
   */
  async pass(milliseconds: number, look: () => void): Promise<void> {
    const end = this.time + milliseconds;
    await this.#quiet(look);
    for (;;) {
      const [next] = this.#appointments;
      if (next === undefined || next.at > end) break;
      this.#callOff(next);
      this.time = Math.max(this.time, next.at);
      next.callback();
      await this.#quiet(look);
    }
    this.time = end;
  }

  /** Something goes on in this turn. */
  stir(): void {
    this.#happened++;
  }

  chance(likely: number): boolean {
    return this.#random.chance(likely);
  }

  /** A whole number from 0, below this one. */
  below(count: number): number {
    return this.#random.below(count);
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  note(line: string): void {
    this.stir();
    this.trace.push(`${this.time}  ${line}`);
  }

  /** Something is not as it must be. It is thrown by `pass`: whoever finds it may stand within what is explored, which would catch it. */
  blame(what: string): void {
    this.#fault ??= new Error(`seed ${this.seed}: ${what}\n${this.trace.join('\n')}`);
  }

  async #quiet(look: () => void): Promise<void> {
    let turns = 0;
    for (let calm = 0; calm < 2; turns++) {
      const before = this.#happened;
      await nextTurn();
      calm = this.#happened === before ? calm + 1 : 0;
      if (turns > MOST_TURNS) this.blame('it runs in a circle');
      if (this.#fault !== undefined) throw this.#fault;
    }
    look();
    if (this.#fault !== undefined) throw this.#fault;
  }

  #callOff(appointment: Appointment): void {
    this.#appointments = this.#appointments.filter((each) => each !== appointment);
  }
}
