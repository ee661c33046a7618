import type { Clock, Timer, Transport } from '@belfry/core';
import type { Identity } from '../harness/world.js';

/** Something that a seed lets happen when it likes, but after what stands before it in its line. */
export interface Move {
  readonly of: Participant;
  make(): void;
}

/** What waits its turn, in order: what one instance sends, or what one of its subscriptions receives. */
export class Line {
  readonly moves: Move[] = [];
}

/** One bus in an exploration. */
export class Participant {
  readonly identity: Identity;
  /** What it sends, and what each of its subscriptions receives. */
  readonly outgoing = new Line();
  readonly lines = new Set<Line>([this.outgoing]);
  /** It has been started, and things may go wrong with it. */
  isReady = false;
  isGone = false;
  /** It does nothing until then. */
  pausedUntil = 0;
  transport: Transport | undefined;
  /** Starts another one in its place. */
  again: (() => Promise<unknown>) | undefined;
  readonly clock: Clock;
  readonly #clock: Clock;

  constructor(identity: Identity, clock: Clock) {
    this.identity = identity;
    this.#clock = clock;
    this.clock = { now: () => clock.now(), after: (...args) => this.#after(...args) };
  }

  get name(): string {
    return this.identity.instance || 'a service that starts';
  }

  get isPaused(): boolean {
    return this.pausedUntil > this.#clock.now();
  }

  /** It is no more: nothing that it has sent or should receive goes anywhere. */
  vanish(): void {
    this.isGone = true;
    for (const { moves } of this.lines) moves.length = 0;
  }

  /** Timers of an instance that stands still come late, and those of a dead one never. */
  #after(milliseconds: number, callback: () => void, background?: 'background'): Timer {
    let timer: Timer;
    const due = () => {
      if (this.isGone) return;
      if (this.isPaused) timer = this.#clock.after(this.pausedUntil - this.#clock.now(), due, background);
      else callback();
    };
    timer = this.#clock.after(milliseconds, due, background);
    return { cancel: () => timer.cancel() };
  }
}
