import { type Deliver, type Origin, sleep, type Source, type TransportFactory } from '@belfry/core';
import { Random } from '@belfry/core/random';
import { VirtualClock } from '../clock/virtual-clock.js';
import { inWords } from '../harness/account.js';
import { summaryOf } from '../harness/envelopes.js';
import { ownerOfTimers } from '../harness/memory-world.js';
import type { Identity, Insight, Place, World } from '../harness/world.js';
import type { Time } from '../harness/time.js';
import { FaultPlan, type Faults } from './faults.js';
import { type Line, type Move, Participant } from './participant.js';
import { isDoorbell, ScheduledTransport } from './scheduled-transport.js';

/** Whatever comes, comes within so long of the clock. */
const LONGEST_MS = 3_600_000;
/** More than any scenario needs: it runs in a circle. */
const MOST_STEPS = 100_000;
const PAUSES_MS = [500, 5000, 40_000, 100_000];
const LONGEST_RESTART_MS = 20_000;
/** How long one thing takes at most. */
const LATENCY_MS = 20;

interface Condition {
  readonly isSo: () => boolean | Promise<boolean>;
  /** To be looked at only when nothing moves. */
  readonly isCalm: boolean;
  readonly end: number;
  readonly decide: (isSo: boolean) => void;
}

/** A world in which a seed decides what happens when, and what goes wrong. */
export class Schedule implements World, Time {
  readonly standsStill = false;
  readonly time: Time = this;
  readonly namespace: string;
  readonly tellsCommits = true;
  readonly clock: VirtualClock;
  /** What happened, for people. */
  readonly trace: string[] = [];
  readonly #began: number;
  readonly #random: Random;
  readonly #plan: FaultPlan;
  readonly #insight: Insight;
  readonly #memory: TransportFactory;
  readonly #participants: Participant[] = [];
  readonly #conditions = new Set<Condition>();
  readonly #logs = new Set<string>();
  #awaited = 0;
  #restarts = 0;
  #isOver = false;
  /** Everything is being closed: nothing goes wrong any more. */
  #isClosing = false;
  #wake = () => {};
  #failure: unknown;

  constructor(seed: number, insight: Insight, memory: TransportFactory, namespace: string, faults: Faults | undefined) {
    this.clock = new VirtualClock({ startAt: Date.UTC(2026, 0, 1), owner: ownerOfTimers });
    this.#began = this.clock.now();
    this.#random = new Random(seed);
    this.#plan = new FaultPlan(this.#random, faults);
    this.#insight = insight;
    this.#memory = memory;
    this.namespace = namespace;
    insight.facts.onFact((fact) => {
      if (fact.did !== 'published' && fact.did !== 'asked') this.note(inWords(fact));
    });
  }

  /** Lets things happen until it is ended. Rejects when it runs in a circle. */
  async run(): Promise<void> {
    for (let step = 0; !this.#isOver; step++) {
      if (step > MOST_STEPS) throw new Error(`It has not come to rest after ${MOST_STEPS} steps.`);
      await this.#calm();
      if (await this.#decide(({ isCalm }) => !isCalm)) continue;
      const moves = this.#moves();
      if (moves.length > 0) this.#move(moves);
      else if (await this.#decide(() => true)) continue;
      else if (this.#awaited > 0 && this.clock.next !== undefined) this.clock.step();
      else if (!this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  note(what: string): void {
    this.trace.push(`${String(this.clock.now() - this.#began).padStart(8)} ms  ${what}`);
  }

  place(identity: Identity): Place {
    const participant = new Participant(identity, this.clock);
    this.#participants.push(participant);
    return {
      clock: participant.clock,
      isGone: () => participant.isGone,
      transport: (host) => {
        participant.transport = this.#memory(host);
        return new ScheduledTransport(participant.transport, participant, this);
      },
    };
  }

  isBusy(): boolean {
    const isBusy = ({ lines, isPaused }: Participant) => isPaused || [...lines].some(({ moves }) => moves.length > 0);
    return this.#restarts > 0 || this.#participants.some(isBusy);
  }

  ready(identity: Identity, again: () => Promise<unknown>): void {
    const participant = this.#participants.find((each) => each.identity === identity)!;
    Object.assign(participant, { isReady: true, again });
  }

  /** Something that an instance sends. */
  sends<T>(of: Participant, what: string | undefined, call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const make = () => {
        if (what !== undefined && this.#strikes('crashes', of)) return this.#crashAround(of, what, call);
        if (what !== undefined) this.note(`${of.name} ${what}`);
        call().then((answer) => !of.isGone && resolve(answer), reject);
      };
      if (!of.isGone) this.#add(of.outgoing, { of, make });
    });
  }

  /** Something that comes to a subscription of an instance. */
  arrives(
    line: Line,
    of: Participant,
    message: { source: Source; body: string; origin: Origin; deliver: Deliver },
  ): void {
    const { source, body, origin, deliver } = message;
    const { channel } = origin;
    const isSilent = isDoorbell(body) || this.#logs.has(channel);
    const what = source.kind === 'inbox' ? 'a letter' : summaryOf(body, channel);
    const make = () => {
      if (!isSilent && this.#strikes('drops', of)) return this.note(`!! ${what} is lost on its way to ${of.name}`);
      if (!isSilent && this.#strikes('crashes', of)) return this.#crash(of, `when it gets ${what}`);
      if (!isSilent && source.kind !== 'inbox') this.note(`${of.name} gets ${what}`);
      deliver(body, origin);
    };
    this.#add(line, { of, make });
  }

  /** Whether an acknowledgement comes too late. */
  comesTooLate(of: Participant): boolean {
    return this.#strikes('duplicates', of);
  }

  /** What comes on this channel are doorbells. */
  knowsLog(channel: string): void {
    this.#logs.add(channel);
  }

  advance(milliseconds: number): Promise<void> {
    return this.attend(sleep(this.clock, milliseconds));
  }

  until(isSo: Condition['isSo'], within = LONGEST_MS, calmly?: 'calmly'): Promise<boolean> {
    const asked = new Promise<boolean>((decide) => {
      const end = this.clock.now() + Math.max(within, 1);
      this.#conditions.add({ isSo, isCalm: calmly !== undefined, end, decide });
    });
    return this.attend(asked.then((answer) => this.#orThrow(answer)));
  }

  async attend<T>(work: Promise<T>): Promise<T> {
    this.#awaited++;
    this.#wake();
    try {
      return await work;
    } finally {
      this.#awaited--;
    }
  }

  finish<T>(work: Promise<T>): Promise<T> {
    this.#isClosing = true;
    for (const participant of this.#participants) participant.pausedUntil = 0;
    return this.attend(work);
  }

  #orThrow<T>(answer: T): T {
    if (this.#failure !== undefined) throw this.#failure;
    return answer;
  }

  #add(line: Line, move: Move): void {
    line.moves.push(move);
    this.#insight.activity.happen();
    this.#wake();
  }

  #calm(): Promise<void> {
    const isSending = (name: string) =>
      this.#participants.some(({ identity, outgoing }) => identity.instance === name && outgoing.moves.length > 0);
    return this.#insight.activity.calm(
      ({ messageId, instance }) =>
        isSending(instance) || this.clock.appointments.some(({ owner }) => owner === messageId),
    );
  }

  /** What could happen next. */
  #moves(): readonly Line[] {
    const able = this.#participants.filter(({ isGone, isPaused }) => !isGone && !isPaused);
    return able.flatMap(({ lines }) => [...lines].filter(({ moves }) => moves.length > 0));
  }

  /** Lets one of the moves happen, or time pass before it. */
  #move(lines: readonly Line[]): void {
    const line = this.#random.pick(lines);
    const time = this.clock.now() + (this.#random.chance(0.3) ? this.#random.below(LATENCY_MS) : 0);
    if ((this.clock.next?.at ?? Number.POSITIVE_INFINITY) <= time) {
      this.clock.step(); // and then somebody else may come first
      return;
    }
    this.clock.moveTo(time);
    const { of } = line.moves[0]!;
    if (this.#strikes('pauses', of)) this.#pause(of);
    else line.moves.shift()!.make();
  }

  #strikes(fault: keyof Faults, { isReady }: Participant): boolean {
    return isReady && !this.#isClosing && this.#plan.strikes(fault);
  }

  #pause(participant: Participant): void {
    const milliseconds = this.#random.pick(PAUSES_MS);
    participant.pausedUntil = this.clock.now() + milliseconds;
    this.note(`!! ${participant.name} stands still for ${milliseconds} ms`);
    this.clock.after(milliseconds, () => {
      if (!participant.isGone) this.note(`!! ${participant.name} goes on`);
    });
  }

  /** An instance dies around something that it sends: the broker has heard of it, or has not. */
  #crashAround(of: Participant, what: string, call: () => Promise<unknown>): void {
    if (this.#random.chance(0.5)) {
      this.#crash(of, `before it ${what}`);
      return;
    }
    this.note(`${of.name} ${what}`);
    void call().catch(() => {});
    this.#crash(of, 'before it knows that');
  }

  #crash(participant: Participant, when: string): void {
    this.note(`!! ${participant.name} crashes ${when}`);
    participant.vanish();
    this.#insight.activity.forget(participant.identity.instance);
    void participant.transport?.close();
    this.#restarts++;
    this.clock.after(this.#random.below(LONGEST_RESTART_MS), () => void this.#restart(participant));
  }

  async #restart({ identity, again }: Participant): Promise<void> {
    if (this.#isClosing) return;
    this.note(`another ${identity.service} starts`);
    try {
      await again!();
    } catch (error) {
      this.#failure ??= error;
    } finally {
      this.#restarts--;
      this.#wake();
    }
  }

  /** Tells whoever waits what can be told by now. Returns whether anybody was told. */
  async #decide(which: (condition: Condition) => boolean): Promise<boolean> {
    for (const condition of [...this.#conditions].filter(which)) {
      const isSo = this.#failure === undefined && (await condition.isSo());
      if (!isSo && this.#failure === undefined && this.clock.now() < condition.end) continue;
      this.#conditions.delete(condition);
      condition.decide(isSo);
      return true;
    }
    return false;
  }
}
