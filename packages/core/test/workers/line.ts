import type { BelfryError } from '@belfry/contracts';
import type { WorkRequest } from '../../src/durable/durability.js';
import type { Work } from '../../src/durable/delivery.js';
import type { News } from '../../src/durable/outcome.js';
import type { Worker } from '../../src/durable/worker.js';
import { errorWith } from '../doubles.js';
import { ScriptedDurability } from '../scripted-durability.js';
import type { Instance, InstanceOptions } from './instance.js';
import { GROUP, type Ledger, type Out, type Party } from './ledger.js';

/**
 * What becomes of a call: it is executed, and the answer lost; the call is lost; it is executed long after it was given up; it cannot be sent;
 * the broker says no, and has perhaps done it all the same; its caller dies of it.
 */
export type Fault = 'answer lost' | 'call lost' | 'late' | 'unsent' | 'refused' | 'fatal';

/** What becomes of calls while the broker is away. */
const AWAY: readonly Fault[] = ['answer lost', 'call lost', 'unsent', 'unsent'];
/** Calls that settle nothing and bring nothing, in one second. */
const MOST_IDLE_CALLS = 150;

/** When no handler comes to its end, what was read ahead goes back after so long, and what travels takes. */
const LONGEST_STALL_MS = 250;

const UNANSWERED = errorWith('PUBLISH_UNCONFIRMED');
const errors: Partial<Record<Fault, BelfryError>> = {
  unsent: errorWith('TRANSPORT_UNAVAILABLE'),
  refused: errorWith('PUBLISH_REFUSED'),
};
const CLOSED = errorWith('BUS_CLOSED');

/** One worker of an instance, and its way to the broker. */
export class Line implements Party {
  readonly ledger: Ledger;
  readonly worker: Worker;
  isCalling = false;
  /** It waits before it tries again. */
  isPausing = false;
  /** The broker does not know that it waits for work, or has rung in vain. */
  isDeaf = true;
  /** Doorbells that are on their way. */
  bells = 0;
  /** Since when it could take something. */
  roomySince: number | undefined;
  /** When it was last troubled. */
  troubledAt = Number.NEGATIVE_INFINITY;
  readonly #instance: Instance;
  readonly #options: InstanceOptions;
  /** Since when something waits for a slot. */
  #aheadSince: number | undefined;
  /** When its connection last came back. */
  #resumedAt = 0;
  #idleCalls: number[] = [];

  constructor(instance: Instance, ledger: Ledger, options: InstanceOptions) {
    this.ledger = ledger;
    this.#instance = instance;
    this.#options = options;
    const durable = new ScriptedDurability();
    durable.work = (request) => this.#call(request);
    this.worker = new options.Worker({
      durable,
      channel: ledger.channel,
      group: GROUP,
      instance: instance.name,
      slots: instance.slots,
      claimTimeout: options.claimTimeout,
      once: false,
      run: (held) => instance.handlers.run(held, ledger.begin(held, this)),
      resumedAt: () => this.#resumedAt,
      tell: (news) => this.#tell(news),
      clock: instance.clock,
    });
  }

  get name(): string {
    return this.#instance.name;
  }

  get isLeaving(): boolean {
    return this.#instance.hasStopped;
  }

  get isAbandoning(): boolean {
    return this.#instance.handlers.isOver;
  }

  get isTroubled(): boolean {
    return this.isPausing || this.#instance.isTroubled;
  }

  /** Somebody who is well asks just now, or is about to. */
  get isUnderway(): boolean {
    return (this.isCalling || this.bells > 0) && !this.isTroubled;
  }

  /** A doorbell is on its way here. */
  ring(): void {
    if (this.isTroubled) this.miss();
    this.bells++;
    this.#instance.arrive(() => {
      this.bells--;
      if (this.#instance.state === 'left') return;
      this.#options.exploration.note(`it rings at ${this.name} for ${this.ledger.channel}`);
      this.worker.ring();
    });
  }

  /** A doorbell was not heard, or will be answered only later. */
  miss(): void {
    this.isDeaf = true;
    this.ledger.hush();
  }

  /** It has been troubled until now. */
  touch(): void {
    this.troubledAt = this.#options.exploration.time;
    if (this.#options.exploration.chance(0.3)) this.#resumedAt = this.troubledAt;
  }

  /** Nothing has happened for a turn: what must be true then. */
  look(): void {
    const { exploration } = this.#options;
    const { state, slots, handlers } = this.#instance;
    const isWell = !this.isTroubled && !this.isCalling;
    const hasRoom = isWell && state === 'up' && slots.free > 0;
    if (hasRoom && this.worker.queued > 0)
      exploration.blame(`${this.name} has a free slot, and ${this.worker.queued} wait`);
    if (isWell && slots.used !== handlers.running)
      exploration.blame(`${this.name} runs ${handlers.running} handlers in ${slots.used} slots`);
    this.#aheadSince = this.worker.queued > 0 ? (this.#aheadSince ?? exploration.time) : undefined;
    const stalledFor =
      exploration.time - Math.max(handlers.movedAt, this.troubledAt, this.#aheadSince ?? exploration.time);
    if (isWell && stalledFor > LONGEST_STALL_MS)
      exploration.blame(
        `${this.name} keeps ${this.worker.queued}, although its handlers come to no end for ${stalledFor} ms`,
      );
    this.roomySince = hasRoom ? (this.roomySince ?? exploration.time) : undefined;
    for (const out of this.ledger.handsOf(this)) this.#lookAt(out, isWell);
  }

  #lookAt({ state, held, outcome, token, isTold, isCommitting }: Out, isWell: boolean): void {
    const { exploration } = this.#options;
    if (state === 'held' && outcome !== undefined && isWell)
      exploration.blame(`${this.name} does not settle token ${token}`);
    if (held === undefined || outcome !== undefined || isCommitting) return;
    const isLost = state === 'gone' && isTold;
    const what = `the handler of token ${token}`;
    if (isLost && !held.signal.aborted) exploration.blame(`${what} does not know that others have it`);
    if (this.isAbandoning && !held.signal.aborted) exploration.blame(`${what} does not know that the time is over`);
    if (state === 'held' && !this.isAbandoning && held.signal.aborted) exploration.blame(`${what} is aborted`);
  }

  #call(request: WorkRequest): Promise<Work> {
    const { exploration } = this.#options;
    const { ledger } = this;
    const instance = this.#instance;
    if (this.isCalling) exploration.blame(`${this.name} calls twice at a time`);
    exploration.stir();
    if (instance.state === 'left') return Promise.reject(CLOSED);
    if (this.isPausing) this.touch();
    this.isPausing = false;
    this.isCalling = true;
    const fault = exploration.time < instance.awayUntil ? exploration.pick(AWAY) : instance.faults.shift();
    return new Promise((resolve, reject) => {
      const lose = () =>
        instance.arrive(() => {
          exploration.note(`${this.name} gets no answer (${fault})`);
          this.isCalling = false;
          this.isPausing = true;
          this.miss();
          if (exploration.chance(0.5)) this.#resumedAt = exploration.time;
          reject((fault && errors[fault]) ?? UNANSWERED);
        });
      instance.depart(() => {
        const isUndone = fault === 'refused' && exploration.chance(0.5);
        if (isUndone || fault === 'call lost' || fault === 'late' || fault === 'unsent') {
          lose();
          if (fault === 'late') exploration.after(exploration.below(400), () => this.#comesLate(request));
          return;
        }
        this.isDeaf = this.isTroubled;
        const { work, heard } = ledger.work(request, this);
        if (fault === 'fatal') instance.die();
        else if (fault === 'answer lost' || fault === 'refused') lose();
        else
          instance.arrive(() => {
            this.isCalling = false;
            heard();
            this.#count(request, work);
            resolve(work);
          });
      });
    });
  }

  #comesLate(request: WorkRequest): void {
    this.#options.exploration.note(`a call of ${this.name} comes late`);
    this.ledger.work(request, this, true);
    this.isDeaf = true;
  }

  /** A worker that has nothing to do does not ask all the time. */
  #count({ settlements, former }: WorkRequest, { deliveries }: Work): void {
    if (settlements.length > 0 || former !== undefined || deliveries.length > 0) return;
    const { exploration } = this.#options;
    this.#idleCalls = this.#idleCalls.filter((at) => at > exploration.time - 1000);
    if (this.#idleCalls.push(exploration.time) > MOST_IDLE_CALLS)
      exploration.blame(`${this.name} asks ${this.#idleCalls.length} times a second for nothing`);
  }

  #tell(news: News): void {
    const fits =
      (news.what === 'unavailable' && this.isPausing) ||
      (news.what === 'refused' && this.ledger.isGone(news.held.token)) ||
      news.what === 'lapsed';
    if (!fits) this.#options.exploration.blame(`${this.name} tells that it is ${news.what}`);
  }
}
