// Explores the consumer loop of durable delivery: real workers over a real log in memory, on a clock, a network and doorbells that a seed
// decides about. Its instances die, freeze, are cut off, get no answers, join and drain; what must be true of all of it stands in the ledger.
import type { Worker } from '../../src/durable/worker.js';
import { Exploration } from './exploration.js';
import type { Mood } from './handlers.js';
import { Instance } from './instance.js';
import { Ledger } from './ledger.js';
import type { Fault } from './line.js';

const STEPS = 130;
const KEYS = [undefined, undefined, undefined, 'a', 'a', 'b', 'c'];
const BURSTS = [12, 12, 12, 12, 12, 12, 12, 80];
/** How long most handlers take at most, in milliseconds: it changes, so that a worker reads ahead too much. */
const PACES = [1, 10, 60, 100, 300];
const FAULTS: readonly Fault[] = ['answer lost', 'answer lost', 'call lost', 'late', 'unsent', 'refused'];
/** A worker looks by itself after so long. */
const POLL_MS = 5000;
/** How exact an alarm is, beside what travels. */
const ALARM_MS = 2;

/** Everything comes to its end within so long, once all is well: there are long handlers, and claims of the dead. */
const LONGEST_MS = 300_000;

/** Runs one seed. @throws Error with the trace when something is not as it must be */
export async function exploreWorkers(seed: number, Class: typeof Worker): Promise<readonly string[]> {
  const exploration = new Exploration(seed);
  // A worker measures its handlers, and reads ahead accordingly: in the time of the seed too.
  Object.defineProperty(performance, 'now', { value: () => exploration.time, configurable: true });
  try {
    await new Explorer(exploration, Class).run();
  } finally {
    Reflect.deleteProperty(performance, 'now');
  }
  return exploration.trace;
}

class Explorer {
  readonly #exploration: Exploration;
  readonly #Worker: typeof Worker;
  readonly #claimTimeout: number;
  readonly #latency: number;
  /** Nothing goes wrong: instances come and go. */
  readonly #isCalm: boolean;
  readonly #mood: Mood;
  readonly #ledgers: readonly Ledger[];
  readonly #instances = new Map<string, Instance>();
  /** How likely a doorbell is lost. */
  #lostBells = 0;
  #names = 0;

  constructor(exploration: Exploration, Class: typeof Worker) {
    this.#exploration = exploration;
    this.#Worker = Class;
    this.#claimTimeout = exploration.pick([1000, 6000, 20_000])!;
    this.#latency = exploration.pick([0, 3, 12])!;
    this.#isCalm = exploration.chance(0.25);
    this.#mood = { success: 0.7, brief: exploration.pick(PACES)! };
    const most = exploration.pick([Number.POSITIVE_INFINITY, 2])!;
    const channels = exploration.chance(0.3) ? ['orders', 'payments'] : ['orders'];
    this.#ledgers = channels.map((channel): Ledger => {
      const ring = (instance: string): boolean => this.#ring(instance, ledger);
      const ledger: Ledger = new Ledger({ exploration, channel, claimTimeout: this.#claimTimeout, most, ring });
      return ledger;
    });
  }

  async run(): Promise<void> {
    for (let n = 0; n < 3; n++) this.#join();
    for (let step = 0; step < STEPS; step++) await this.#pass(this.#step());
    await this.#comeToRest();
    for (const ledger of this.#ledgers) ledger.checkEnd();
    await this.#pass(0);
  }

  /** Returns how much time passes afterwards. */
  #step(): number {
    const exploration = this.#exploration;
    const up = [...this.#instances.values()].filter(({ state }) => state === 'up');
    const instance = exploration.pick(up);
    const dice = exploration.below(100);
    if (dice < 32) this.#publish();
    else if (dice < 40) for (let n = exploration.below(exploration.pick(BURSTS)!); n > 0; n--) this.#publish();
    else if (instance === undefined || dice < 44) this.#join();
    else if (dice < 49) instance.drain(exploration.below(3) * exploration.below(this.#claimTimeout));
    else if (dice < 76 && !this.#isCalm) this.#disturb(exploration.chance(0.5) ? busiest(up) : instance);
    else if (dice < 60) this.#replace(instance);
    else if (dice > 93 && dice < 96) this.#mood.brief = exploration.pick(PACES)!;
    else if (dice > 95) return exploration.below(this.#claimTimeout * 1.5);
    return exploration.chance(0.3) ? 0 : exploration.below(this.#isCalm ? 500 : 60);
  }

  #disturb(instance: Instance): void {
    const exploration = this.#exploration;
    const dice = exploration.below(28);
    if (dice < 12) instance.faults.push(exploration.pick(FAULTS)!);
    else if (dice < 14) instance.faults.push('fatal');
    else if (dice < 16) this.#kill(instance);
    else if (dice < 20 && !instance.isFrozen) instance.freeze(this.#interruption());
    else if (dice < 24 && !instance.isCut) instance.cutOff(this.#interruption());
    else if (dice < 25) this.#outage();
    else this.#lostBells = exploration.pick([0, 0, 0, 0.5, 1])!;
  }

  #publish(): void {
    const exploration = this.#exploration;
    const delay = exploration.chance(0.15) ? 1 + exploration.below(2000) : undefined;
    exploration.pick(this.#ledgers)!.publish(exploration.pick(KEYS), delay);
  }

  #join(): void {
    const name = `i${this.#names++}`;
    const instance = new Instance({
      name,
      exploration: this.#exploration,
      Worker: this.#Worker,
      ledgers: this.#ledgers,
      slots: 1 + this.#exploration.below(4),
      claimTimeout: this.#claimTimeout,
      latency: this.#latency,
      mood: this.#mood,
    });
    this.#instances.set(name, instance);
  }

  /** As a deployment does. */
  #replace(instance: Instance): void {
    instance.drain(this.#exploration.below(3000));
    this.#exploration.after(this.#exploration.below(1000), () => this.#join());
  }

  #kill(instance: Instance): void {
    instance.isHalfOpen = this.#exploration.chance(0.3);
    instance.die();
  }

  /** The broker goes away, for everybody. */
  #outage(): void {
    const milliseconds = this.#interruption();
    this.#exploration.note(`the broker is away for ${milliseconds}`);
    for (const instance of this.#instances.values()) instance.awayUntil = this.#exploration.time + milliseconds;
  }

  /** Half of them are shorter than the claim timeout. */
  #interruption(): number {
    return 1 + this.#exploration.below(this.#claimTimeout * (this.#exploration.chance(0.5) ? 0.9 : 3));
  }

  #ring(name: string, ledger: Ledger): boolean {
    const instance = this.#instances.get(name)!;
    if (!this.#exploration.chance(this.#lostBells)) return instance.ring(ledger);
    this.#exploration.note(`it rings at ${name} in vain`);
    instance.lineTo(ledger).miss();
    return true;
  }

  async #pass(milliseconds: number): Promise<void> {
    await this.#exploration.pass(milliseconds, () => this.#look());
  }

  #look(): void {
    const present = [...this.#instances.values()].filter(({ state }) => state === 'up' || state === 'draining');
    for (const instance of present) instance.look();
    for (const ledger of this.#ledgers) this.#lookAt(ledger, present);
  }

  /** What could be delivered is with somebody who has room for it: at once, or by a poll when a doorbell was lost. */
  #lookAt(ledger: Ledger, present: readonly Instance[]): void {
    const { time } = this.#exploration;
    const lines = present.map((instance) => instance.lineTo(ledger));
    const roomy = lines.filter(({ roomySince }) => roomySince !== undefined);
    const isUnderway = lines.some((line) => line.isUnderway);
    const poll = Math.min(POLL_MS, this.#claimTimeout / 3) + 4 * this.#latency + ALARM_MS;
    for (const life of ledger.available()) {
      const isAlarm = life.attempts > 0 || life.isDelayed;
      const since = life.since! + (isAlarm ? ALARM_MS + 2 * this.#latency : 0);
      for (const { name, isDeaf, roomySince } of roomy) {
        const isLate = !life.isHushed && !isDeaf && !isUnderway && time > since;
        if (isLate || time > Math.max(life.since!, roomySince!) + poll)
          this.#exploration.blame(`${ledger.named(life)} is not with ${name}, who has room since ${roomySince}`);
      }
    }
  }

  /** Everybody is well from now on: everything has to come to its end. */
  async #comeToRest(): Promise<void> {
    const exploration = this.#exploration;
    exploration.note('all is well from now on');
    this.#lostBells = 0;
    Object.assign(this.#mood, { success: 0.95, brief: 20 });
    for (const instance of this.#instances.values()) instance.recover();
    this.#join();
    const isOpen = () => this.#ledgers.some(({ open }) => open.size > 0);
    for (let waited = 0; isOpen() && waited < LONGEST_MS; waited += 500) await this.#pass(500);
    if (isOpen()) exploration.blame('it does not come to its end');
    // Nothing comes again, not even what somebody else is believed to hold.
    for (let waited = 0; waited < 2 * this.#claimTimeout; waited += 500) await this.#pass(500);
    const up = [...this.#instances.values()].filter(({ state }) => state === 'up');
    for (const instance of up) instance.drain(1000);
    await this.#pass(2 * this.#claimTimeout);
    for (const { name, state } of up) if (state !== 'left') exploration.blame(`${name} does not leave`);
  }
}

/** The one with the most in its hands that has not begun. */
const busiest = (instances: readonly Instance[]): Instance =>
  instances.reduce((one, other) => (other.queued > one.queued ? other : one));
