import { AsyncResource } from 'node:async_hooks';
import type { Clock, Timer } from '@belfry/core';

/** Something that is to happen at a time. */
export interface Appointment {
  readonly at: number;
  /** It alone keeps nobody waiting: a look around, a limit that is most often called off. */
  readonly isBackground: boolean;
  /** Who asked for it: what {@link VirtualClockOptions.owner} said at that time. */
  readonly owner: unknown;
  readonly callback: () => void;
}

/** What a {@link VirtualClock} may be told. */
export interface VirtualClockOptions {
  /** What time it is at first, in milliseconds since 1970. @default the system's time */
  readonly startAt?: number;
  /** Says, whenever somebody asks for a callback, who that is. @default nobody */
  readonly owner?: () => unknown;
}

/** A clock that stands still until it is turned. What is due at the same time happens in the order in which it was asked for. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #owner: () => unknown;
  /** The next comes first. */
  readonly #appointments: Appointment[] = [];

  constructor({ startAt = Date.now(), owner = () => undefined }: VirtualClockOptions = {}) {
    this.#now = startAt;
    this.#owner = owner;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, callback: () => void, background?: 'background'): Timer {
    const appointment: Appointment = {
      at: this.#now + Math.max(0, milliseconds),
      isBackground: background !== undefined,
      owner: this.#owner(),
      callback: AsyncResource.bind(callback), // as a timer of Node does
    };
    let place = this.#appointments.length;
    while (place > 0 && this.#appointments[place - 1]!.at > appointment.at) place--;
    this.#appointments.splice(place, 0, appointment);
    return { cancel: () => this.#callOff(appointment) };
  }

  /** What comes next; `undefined` when nobody waits for anything. */
  get next(): Appointment | undefined {
    return this.#appointments[0];
  }

  /** Everything that somebody waits for, the next first. */
  get appointments(): readonly Appointment[] {
    return this.#appointments;
  }

  /** Moves on to a time before which nothing is due. Never moves back. */
  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time);
  }

  /** Moves on to what comes next, and lets that alone happen. False when nobody waits for anything. */
  step(): boolean {
    const next = this.#appointments.shift();
    if (next === undefined) return false;
    this.#now = Math.max(this.#now, next.at);
    next.callback();
    return true;
  }

  #callOff(appointment: Appointment): void {
    const place = this.#appointments.indexOf(appointment);
    if (place >= 0) this.#appointments.splice(place, 1);
  }
}
