import { BelfryError } from '@belfry/contracts';
import type { Clock } from '../../src/clock.js';
import type { Worker } from '../../src/durable/worker.js';
import { Slots } from '../../src/slots.js';
import type { Exploration } from './exploration.js';
import { Handlers, type Mood } from './handlers.js';
import type { Ledger } from './ledger.js';
import { type Fault, Line } from './line.js';

export interface InstanceOptions {
  readonly name: string;
  readonly exploration: Exploration;
  readonly Worker: typeof Worker;
  readonly ledgers: readonly Ledger[];
  readonly slots: number;
  readonly claimTimeout: number;
  /** The longest time that a call or an answer travels, in milliseconds. */
  readonly latency: number;
  readonly mood: Mood;
}

/** One process: a worker for each log, which share their slots, on a clock and a network of their own. */
export class Instance {
  readonly name: string;
  readonly slots: Slots;
  readonly lines: readonly Line[];
  readonly handlers: Handlers;
  readonly clock: Clock;
  state: 'up' | 'draining' | 'left' | 'dead' = 'up';
  hasStopped = false;
  /** What becomes of its next calls. */
  readonly faults: Fault[] = [];
  /** Until then the broker is away. */
  awayUntil = 0;
  /** Dead: others still believe that it listens. */
  isHalfOpen = false;
  isFrozen = false;
  isCut = false;
  readonly #options: InstanceOptions;
  #hasBell = true;
  /** What comes to pass when it goes on. */
  #deferred: (() => void)[] = [];
  /** What gets through when it is reached again. */
  #underway: (() => void)[] = [];

  constructor(options: InstanceOptions) {
    const { name, exploration, slots, ledgers } = options;
    this.#options = options;
    this.name = name;
    this.slots = new Slots(slots);
    this.clock = {
      now: () => exploration.now(),
      after: (milliseconds, callback) => {
        let isOff = false;
        const timer = exploration.after(milliseconds, () => this.#enter(() => isOff || callback()));
        return {
          cancel: () => {
            isOff = true;
            timer.cancel();
          },
        };
      },
    };
    this.handlers = new Handlers({ ...options, clock: this.clock });
    this.lines = ledgers.map((ledger) => new Line(this, ledger, options));
    exploration.note(`${name} starts, with ${slots} slots`);
    for (const { worker } of this.lines) worker.start();
  }

  get isTroubled(): boolean {
    return this.isFrozen || this.isCut || this.state === 'dead';
  }

  /** What it has read ahead. */
  get queued(): number {
    return this.lines.reduce((sum, { worker }) => sum + worker.queued, 0);
  }

  lineTo(ledger: Ledger): Line {
    return this.lines.find((each) => each.ledger === ledger)!;
  }

  /** Whether a doorbell reaches anybody. */
  ring(ledger: Ledger): boolean {
    if (!this.#hasBell || (this.state === 'dead' && !this.isHalfOpen)) return false;
    this.lineTo(ledger).ring();
    return true;
  }

  /** Whatever disturbs it is over. */
  recover(): void {
    this.faults.length = 0;
    this.awayUntil = 0;
    this.#thaw();
    this.#heal();
  }

  /** kill -9. */
  die(): void {
    this.#options.exploration.note(`${this.name} dies`);
    this.state = 'dead';
    this.#deferred = [];
    this.#underway = [];
    this.#hush();
  }

  /** SIGSTOP, and SIGCONT after so many milliseconds. */
  freeze(milliseconds: number): void {
    const { exploration } = this.#options;
    exploration.note(`${this.name} is frozen for ${milliseconds}`);
    this.isFrozen = true;
    this.#hush();
    exploration.after(milliseconds, () => this.#thaw());
  }

  /** For so many milliseconds nothing gets through, to the broker and back; then everything does. */
  cutOff(milliseconds: number): void {
    const { exploration } = this.#options;
    exploration.note(`${this.name} is cut off for ${milliseconds}`);
    this.isCut = true;
    this.#hush();
    exploration.after(milliseconds, () => this.#heal());
  }

  /** Stops as a bus does, and gives up after so many milliseconds. */
  drain(milliseconds: number): void {
    const { exploration } = this.#options;
    exploration.note(`${this.name} stops, within ${milliseconds}`);
    this.state = 'draining';
    this.hasStopped = true;
    const workers = this.lines.map(({ worker }) => worker);
    for (const worker of workers) worker.stop();
    const fence = new Promise<void>((resolve) => {
      this.depart(() => {
        this.#hasBell = false;
        this.arrive(resolve);
      });
    });
    void fence.then(() => Promise.all(workers.map((worker) => worker.idle()))).then(() => this.#leave());
    this.clock.after(milliseconds, () => {
      if (this.state !== 'draining') return;
      exploration.note(`${this.name} gives up`);
      this.handlers.isOver = true;
      for (const worker of workers) worker.abandon(new BelfryError('BUS_CLOSED', { message: 'it is time.' }));
      void Promise.all(workers.map((worker) => worker.settled())).then(() => this.#leave());
    });
  }

  /** Sends something on its way to the broker. */
  depart(step: () => void): void {
    this.#travel(() => (this.isCut ? this.#underway.push(step) : step()));
  }

  /** Something is on its way here. */
  arrive(step: () => void): void {
    this.#travel(() => (this.isCut ? this.#underway.push(() => this.#enter(step)) : this.#enter(step)));
  }

  /** Nothing has happened for a turn: what must be true then. */
  look(): void {
    for (const line of this.lines) line.look();
  }

  #leave(): void {
    if (this.state !== 'draining') return;
    this.state = 'left';
    const { exploration } = this.#options;
    exploration.note(`${this.name} leaves`);
    for (const line of this.lines) {
      const tokens = line.ledger.heldBy(line).map(({ token }) => token);
      if (tokens.length > 0) exploration.blame(`${this.name} leaves with tokens ${tokens.join(', ')} in its hands`);
    }
  }

  #travel(step: () => void): void {
    const { exploration, latency } = this.#options;
    exploration.stir();
    const pause = exploration.below(latency + 1);
    if (pause > 0) exploration.after(pause, step);
    else this.#soon(step);
  }

  /** In a turn of its own: what one step resolves happens before the next. */
  #soon(step: () => void): void {
    setImmediate(() => {
      this.#options.exploration.stir();
      step();
    });
  }

  #enter(step: () => void): void {
    if (this.state === 'dead') return;
    if (this.isFrozen) this.#deferred.push(step);
    else step();
  }

  #thaw(): void {
    if (this.state === 'dead' || !this.isFrozen) return;
    this.#options.exploration.note(`${this.name} goes on`);
    this.isFrozen = false;
    this.#touch();
    for (const step of this.#deferred.splice(0)) this.#soon(() => this.#enter(step));
  }

  #heal(): void {
    if (this.state === 'dead' || !this.isCut) return;
    this.#options.exploration.note(`${this.name} is reached again`);
    this.isCut = false;
    this.#touch();
    for (const step of this.#underway.splice(0)) this.#soon(step);
  }

  #touch(): void {
    for (const line of this.lines) line.touch();
  }

  #hush(): void {
    for (const { ledger } of this.lines) ledger.hush();
  }
}
