// Explores durable delivery: instances that take, handle, fail, stall, crash, come back and drain, in an order that a seed decides.
// What it drives is a port, so that the model and the Redis scripts run through the same traces. It throws what it finds, with the trace.
import type { DeadLetter, WorkRequest } from '../durable/durability.js';
import type { Delivery, Settlement, Work } from '../durable/delivery.js';
import { Random } from '../random.js';

/** What an instance asks of the group. */
export type Ask = Omit<WorkRequest, 'channel' | 'group'>;

/** One log with one group on it. */
export interface GroupPort {
  append(key: string | undefined): Promise<string>;
  work(ask: Ask, now: number): Promise<Work>;
  /** How many entries were read and are not done with. */
  pending(): Promise<number>;
  dead(): Promise<readonly Pick<DeadLetter, 'entry' | 'attempts'>[]>;
}

export const CLAIM_TIMEOUT = 1000;
const MAX_ATTEMPTS = 4;
const STEPS = 250;
const KEYS = [undefined, undefined, 'a', 'a', 'b', 'c'];

class Instance {
  /** By token: an entry may come back while a handler still has it from before. */
  readonly hands = new Map<number, Delivery>();
  /** When each delivery came. */
  readonly since = new Map<number, number>();
  /** It does nothing until then: stopped, as by SIGSTOP. */
  stalledUntil = 0;
  #seen = 0;
  /** When it last came back after having been silent for so long that it may have lost what it held. */
  #lapsed = 0;
  /** Terms that ended with an answer that was lost, and what it settled in them. */
  former: string[] = [];
  unanswered: Settlement[] = [];
  #term = 0;

  constructor(readonly name: string) {}

  get holder(): string {
    return `${this.name}.${this.#term}`;
  }

  newTerm(): void {
    this.former.push(this.holder);
    this.#term++;
  }

  /** A sign of life. */
  sign(now: number): void {
    if (now - this.#seen >= CLAIM_TIMEOUT) this.#lapsed = now;
    this.#seen = now;
  }

  mayHaveLost(token: number): boolean {
    return this.#lapsed > (this.since.get(token) ?? 0);
  }
}

/** What is known of one entry. */
interface Life {
  readonly key: string | undefined;
  readonly place: number;
  /** Attempts that counted so far. */
  attempts: number;
  /** The last of them was given in an answer that was lost: it may come not to count. */
  uncertain?: boolean;
  end?: 'done' | 'dead';
}

/** Runs one seed. @throws Error with the trace when an invariant does not hold */
export async function explore(seed: number, port: GroupPort): Promise<void> {
  await new Explorer(seed, port).run();
}

class Explorer {
  readonly #random: Random;
  readonly #port: GroupPort;
  readonly #trace: string[] = [];
  readonly #lives = new Map<string, Life>();
  readonly #instances = new Map<string, Instance>();
  /** Every entry's last delivery: only that may settle it. */
  readonly #lastToken = new Map<string, number>();
  #now = 1_000_000;
  #names = 0;

  constructor(
    readonly seed: number,
    port: GroupPort,
  ) {
    this.#random = new Random(seed);
    this.#port = port;
  }

  async run(): Promise<void> {
    for (let n = 0; n < 3; n++) this.#join();
    for (let step = 0; step < STEPS; step++) await this.#step();
    await this.#comeToRest();
    for (const [id, { end }] of this.#lives) if (end === undefined) this.#fail(`${id} was lost`);
    const pending = await this.#port.pending();
    if (pending !== 0) this.#fail(`${pending} entries are pending at the end`);
    const dead = await this.#port.dead();
    for (const { entry: id, attempts } of dead) {
      const life = this.#lives.get(id);
      if (life?.end !== 'dead') this.#fail(`${id} lies among the dead, but is ${life?.end}`);
      if (attempts !== life?.attempts) this.#fail(`${id} died after ${attempts} attempts, not ${life?.attempts}`);
    }
    const died = [...this.#lives.values()].filter(({ end }) => end === 'dead').length;
    if (died !== dead.length) this.#fail(`${dead.length} dead letters instead of ${died}`);
  }

  async #step(): Promise<void> {
    this.#now += Math.floor(this.#random.next() * 60);
    const awake = [...this.#instances.values()].filter(({ stalledUntil }) => stalledUntil <= this.#now);
    const instance = this.#pick(awake);
    for (const each of awake) if (this.#chance(0.8)) await this.#stamp(each);
    const dice = this.#random.next();
    if (dice < 0.3) await this.#append();
    else if (instance === undefined || dice < 0.33) this.#join();
    else if (dice < 0.38) await this.#loseAnswer(instance);
    else if (dice < 0.55) await this.#take(instance, 1 + Math.floor(this.#random.next() * 4));
    else if (dice < 0.88) await this.#finishSome(instance);
    else if (dice < 0.92) this.#stall(instance);
    else if (dice < 0.95) this.#crash(instance);
    else if (dice < 0.97) await this.#drain(instance);
    else this.#now += Math.floor(this.#random.next() * CLAIM_TIMEOUT * 1.5);
  }

  /** Everybody is well from now on: everything has to come to its end. */
  async #comeToRest(): Promise<void> {
    this.#join();
    for (let round = 0; round < 400; round++) {
      this.#now += 100;
      for (const instance of this.#instances.values()) {
        instance.stalledUntil = 0;
        await this.#stamp(instance);
        await this.#take(instance, 5);
        while (instance.hands.size > 0) await this.#finish(instance, [...instance.hands.values()], 0.95);
      }
      if ([...this.#lives.values()].every(({ end }) => end !== undefined)) return;
    }
  }

  async #append(): Promise<void> {
    const key = this.#pick(KEYS);
    const id = await this.#port.append(key);
    this.#lives.set(id, { key, place: this.#lives.size, attempts: 0 });
    this.#note(`append ${id}${key === undefined ? '' : ` of ${key}`}`);
  }

  async #stamp(instance: Instance): Promise<void> {
    await this.#work(instance, [], 0, 'looks around, and gets');
  }

  async #take(instance: Instance, count: number): Promise<void> {
    await this.#work(instance, [], count, 'takes');
  }

  /** One call of an instance that it has the answer of. */
  async #work(instance: Instance, settlements: readonly Settlement[], room: number, how: string): Promise<Work> {
    const work = await this.#call(instance, settlements, room);
    const again = instance.unanswered;
    instance.unanswered = [];
    if (work.lapsed) this.#lapse(instance, [...instance.hands.keys()]);
    else if (instance.former.length > 0)
      this.#lapse(
        instance,
        [...instance.hands.keys()].filter((token) => !work.kept.includes(token)),
        settlements,
      );
    instance.former = [];
    for (const settlement of settlements) this.#settled(instance, settlement, work.refused.includes(settlement.token));
    for (const settlement of again) this.#settledAgain(instance, settlement, work.refused.includes(settlement.token));
    if (work.deliveries.length > room) this.#fail(`${instance.name} got ${work.deliveries.length} instead of ${room}`);
    for (const [token, { id }] of instance.hands)
      if (this.#lastToken.get(id) !== token) this.#fail(`${instance.name} was not told that it lost ${id}`);
    this.#received(instance, work.deliveries, how);
    return work;
  }

  async #call(instance: Instance, settlements: readonly Settlement[], room: number): Promise<Work> {
    instance.sign(this.#now);
    const all = [...instance.unanswered, ...settlements];
    const known = [...instance.hands.values(), ...all].map(({ id, token }) => ({ id, token }));
    const { former, holder, name } = instance;
    return this.#port.work(
      {
        instance: name,
        holder,
        holding: instance.hands.size,
        settlements: all,
        room,
        claimTimeout: CLAIM_TIMEOUT,
        once: false,
        former: former.length === 0 ? undefined : { holders: former, known },
      },
      this.#now,
    );
  }

  /** The connection breaks before the call is answered; half of the time also before it is heard. */
  async #loseAnswer(instance: Instance): Promise<void> {
    const done = [...instance.hands.values()].slice(0, 2).map((delivery) => this.#outcomeOf(delivery, 0.7));
    this.#note(`${instance.name} hears no answer`);
    if (this.#chance(0.5)) {
      const former = instance.former;
      const work = await this.#call(instance, done, 2);
      if (former.length > 0 || work.lapsed) this.#note('(it was heard)');
      for (const settlement of done) {
        const refused = work.refused.includes(settlement.token);
        if (!refused) this.#settled(instance, settlement, refused);
      }
      for (const { id, token, attempt } of work.deliveries) {
        this.#note(`${id} is given to nobody (attempt ${attempt}, token ${token})`);
        this.#begins(id, token, attempt);
        this.#lives.get(id)!.uncertain = true;
      }
    }
    for (const { token } of done) instance.hands.delete(token);
    instance.unanswered.push(...done);
    instance.newTerm();
  }

  /** It was settled in a call whose answer was lost: perhaps then, perhaps now. */
  #settledAgain(instance: Instance, settlement: Settlement, refused: boolean): void {
    if (!refused) this.#settled(instance, settlement, false);
  }

  #lapse(instance: Instance, tokens: readonly number[], besides: readonly Settlement[] = []): void {
    for (const token of tokens) {
      if (besides.some((settlement) => settlement.token === token)) continue;
      if (!instance.mayHaveLost(token))
        this.#fail(`${instance.name} lost token ${token} although it gave signs of life`);
      instance.hands.delete(token);
    }
  }

  #begins(id: string, token: number, attempt: number): void {
    const life = this.#lives.get(id);
    if (life === undefined) this.#fail(`${id} was never appended`);
    if (life.end !== undefined) this.#fail(`${id} was delivered although it is ${life.end}`);
    const fits = attempt === life.attempts + 1 || (life.uncertain && attempt === life.attempts);
    if (!fits) this.#fail(`${id} is in attempt ${attempt}, but it is the one after ${life.attempts}`);
    life.attempts = attempt;
    life.uncertain = false;
    this.#lastToken.set(id, token);
    this.#checkOrder(id, life);
  }

  #received(instance: Instance, deliveries: readonly Delivery[], how: string): void {
    for (const delivery of deliveries) {
      const { id, token, attempt, key } = delivery;
      this.#note(`${instance.name} ${how} ${id} (attempt ${attempt}, token ${token})`);
      this.#begins(id, token, attempt);
      if (key !== this.#lives.get(id)?.key) this.#fail(`${id} has the key ${key}`);
      instance.hands.set(token, delivery);
      instance.since.set(token, this.#now);
    }
  }

  /** Nothing of a key may begin before everything earlier of it has come to its end. */
  #checkOrder(id: string, { key, place }: Life): void {
    if (key === undefined) return;
    for (const [earlier, life] of this.#lives) {
      if (life.key === key && life.place < place && life.end === undefined)
        this.#fail(`${id} was delivered before ${earlier} of the same key was done`);
    }
  }

  async #finishSome(instance: Instance): Promise<void> {
    const some = [...instance.hands.values()].filter(() => this.#chance(0.6));
    if (some.length > 0) await this.#finish(instance, some, 0.7);
  }

  /** Settles what the handlers are done with. @param success how likely each has succeeded */
  async #finish(instance: Instance, deliveries: readonly Delivery[], success: number): Promise<void> {
    const settlements = deliveries.map((delivery) => this.#outcomeOf(delivery, success));
    await this.#work(instance, settlements, Math.floor(this.#random.next() * 3), 'gets next');
  }

  #outcomeOf({ id, token, attempt }: Delivery, success: number): Settlement {
    if (this.#chance(success)) return { id, token, outcome: 'done' };
    if (attempt >= MAX_ATTEMPTS) return { id, token, outcome: 'dead', reason: { code: 'FAILED', message: 'no' } };
    return { id, token, outcome: 'retry', delay: Math.floor(this.#random.next() * 500) };
  }

  #settled(instance: Instance, { id, token, outcome }: Settlement, refused: boolean): void {
    this.#note(`${instance.name} settles ${id} with token ${token}: ${outcome}${refused ? ', refused' : ''}`);
    instance.hands.delete(token);
    const life = this.#lives.get(id) as Life;
    const stale = this.#lastToken.get(id) !== token;
    if (refused) {
      if (!instance.mayHaveLost(token)) this.#fail(`${instance.name} lost ${id} although it gave signs of life`);
      return;
    }
    if (stale) this.#fail(`${instance.name} settled ${id}, which belongs to somebody else by now`);
    if (life.end !== undefined) this.#fail(`${id} was settled twice`);
    if (outcome === 'done' || outcome === 'dead') life.end = outcome;
    if (outcome === 'release') life.attempts--;
  }

  async #drain(instance: Instance): Promise<void> {
    const held = [...instance.hands.values()];
    const settlements = held.map(({ id, token }): Settlement => ({ id, token, outcome: 'release' }));
    const { refused } = await this.#work(instance, settlements, 0, 'gets at the end');
    this.#instances.delete(instance.name);
    const released = settlements.filter(({ token }) => !refused.includes(token));
    // Handed over at once: whoever asks next has what was released, or what was due before.
    const other = this.#join();
    const { deliveries } = await this.#work(other, [], released.length + 100, 'takes over');
    for (const { id } of released)
      if (!deliveries.some((delivery) => delivery.id === id))
        this.#fail(`${id} was released, but not to be had at once`);
  }

  #stall(instance: Instance): void {
    instance.stalledUntil = this.#now + Math.floor(this.#random.next() * CLAIM_TIMEOUT * 3);
    this.#note(`${instance.name} stalls`);
  }

  #crash(instance: Instance): void {
    this.#instances.delete(instance.name);
    this.#note(
      `${instance.name} crashes with ${[...instance.hands.values()].map(({ id }) => id).join(', ') || 'nothing'} in hand`,
    );
  }

  #join(): Instance {
    const instance = new Instance(`i${this.#names++}`);
    this.#instances.set(instance.name, instance);
    return instance;
  }

  #pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random.next() * items.length)];
  }

  #chance(likely: number): boolean {
    return this.#random.next() < likely;
  }

  #note(line: string): void {
    this.#trace.push(`${this.#now}  ${line}`);
  }

  #fail(what: string): never {
    throw new Error(`seed ${this.seed}: ${what}\n${this.#trace.join('\n')}`);
  }
}
