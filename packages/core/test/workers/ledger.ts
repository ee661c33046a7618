import type { OutgoingDurableEvent, WorkRequest } from '../../src/durable/durability.js';
import type { Settlement, Work } from '../../src/durable/delivery.js';
import { DurableLog } from '../../src/durable/log.js';
import type { Held } from '../../src/durable/held.js';
import type { Outcome } from '../../src/durable/outcome.js';
import type { Exploration } from './exploration.js';

export const GROUP = 'billing';

/** What is known of one published event. */
export interface Life {
  readonly n: number;
  readonly key: string | undefined;
  readonly isDelayed: boolean;
  /** Its place in the log; absent while it is delayed. */
  place: number | undefined;
  /** It must not be delivered before. */
  dueAt: number;
  /** Attempts that counted so far. */
  attempts: number;
  /** The delivery that holds it. */
  out: Out | undefined;
  end: 'done' | 'dead' | undefined;
  /** Since when it could be delivered, and is not. */
  since: number | undefined;
  /** The doorbell that rang for it may not have been heard: the poll finds it. */
  isHushed: boolean;
  /** What its commits have changed. */
  effects: number;
}

/** One delivery. */
export interface Out {
  readonly life: Life;
  readonly id: string;
  readonly token: number;
  readonly attempt: number;
  readonly to: Party;
  /** It was given by a call that came late: nobody will ever know of it. */
  readonly isLate: boolean;
  holder: string;
  /** `gone`: the broker has taken it back. */
  state: 'held' | 'settled' | 'gone';
  /** The last sign of life of its holder. */
  signAt: number;
  /** Its instance has heard of it. */
  isHeard: boolean;
  /** Its instance has heard that the broker has taken it back. */
  isTold: boolean;
  /** Its instance has heard the answer to its settlement. */
  isAnswered: boolean;
  held: Held | undefined;
  isCommitting: boolean;
  outcome: Outcome | undefined;
}

/** An instance, as the ledger sees it. */
export interface Party {
  readonly name: string;
  /** It gives back what it has in its hands. */
  readonly isLeaving: boolean;
  /** It gives back even what its handlers have begun. */
  readonly isAbandoning: boolean;
  /** It is frozen, cut off, or was not answered: what it knows of the log may be old. */
  readonly isTroubled: boolean;
  /** When it last was. */
  readonly troubledAt: number;
}

export interface LedgerOptions {
  readonly exploration: Exploration;
  readonly channel: string;
  readonly claimTimeout: number;
  /** The broker gives no more than so many in one call. */
  readonly most: number;
  readonly ring: (instance: string) => boolean;
}

/** A real log, and beside it what must be true of it: whatever is asked of the log is compared with what the instances did. */
export class Ledger {
  readonly log: DurableLog;
  /** Those that have not come to their end. */
  readonly open = new Set<Life>();
  readonly lives: Life[] = [];
  readonly #options: LedgerOptions;
  readonly #outs = new Map<number, Out>();
  readonly #held = new Set<Out>();
  readonly #hands = new Map<Party, Set<Out>>();
  #places = 0;
  #isWorking = false;
  #mustHush = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    const { ring } = options;
    this.log = new DurableLog({
      ring: (_, instance) => ring(instance),
      announce: (body) => this.#announced(body),
      members: () => 1,
    });
    this.log.createGroup(GROUP, 'start');
  }

  get channel(): string {
    return this.#options.channel;
  }

  publish(key: string | undefined, delay: number | undefined): void {
    const { exploration, channel } = this.#options;
    const { time } = exploration;
    const n = this.lives.length;
    const life: Life = {
      n,
      key,
      isDelayed: delay !== undefined,
      place: undefined,
      dueAt: time + (delay ?? 0),
      attempts: 0,
      out: undefined,
      end: undefined,
      since: undefined,
      isHushed: false,
      effects: 0,
    };
    this.lives.push(life);
    this.open.add(life);
    exploration.note(
      `publish ${this.named(life)}${key === undefined ? '' : ` of ${key}`}${delay === undefined ? '' : `, due in ${delay}`}`,
    );
    const event: OutgoingDurableEvent = {
      channel,
      body: JSON.stringify({ id: `m${n}`, n }),
      key,
      messageId: `m${n}`,
      window: undefined,
      delay,
      cap: undefined,
    };
    this.log.append(event, time);
  }

  /** One call of an instance. What is returned beside the answer is to be called when the instance has heard it. */
  work(request: WorkRequest, from: Party, isLate = false): { readonly work: Work; readonly heard: () => void } {
    const { exploration, most, claimTimeout } = this.#options;
    const { time } = exploration;
    const { settlements, former, holder, room } = request;
    if (!isLate) this.#checkSettlements(settlements, from);
    this.#isWorking = true;
    const run = (commands: readonly (readonly string[])[]) => this.#commit(commands);
    const work = this.log.work({ ...request, room: Math.min(room, most) }, time, run);
    // It was not given all that it would take. When there is nothing more, it waits for the doorbell like everybody.
    if (room > most && !work.more)
      this.log.work({ ...request, settlements: [], former: undefined, room: 1 }, time, run);
    this.#note(request, work, from);
    if (former !== undefined) this.#reconcile(former, holder);
    const answered = settlements.map((settlement) => this.#settled(settlement, work));
    for (const out of this.#held) if (out.holder === holder) out.signAt = time;
    if (room > 0) this.#claim(claimTimeout);
    const given = work.deliveries.map((delivery) => this.#delivered(delivery, request, from, isLate));
    if (given.length > Math.max(0, room)) exploration.blame(`${from.name} got more than it asked for`);
    const gone = this.handsOf(from).filter(({ state }) => state === 'gone');
    const hands = this.#hands.get(from) ?? new Set();
    this.#hands.set(from, hands);
    const heard = () => {
      for (const out of gone) out.isTold = true;
      for (const out of answered) {
        if (out === undefined) continue;
        out.isAnswered = true;
        hands.delete(out);
      }
      for (const out of given) {
        out.isHeard = true;
        hands.add(out);
      }
    };
    this.#isWorking = false;
    if (from.isTroubled || isLate || this.#mustHush) this.hush();
    return { work, heard };
  }

  /** A handler begins. */
  begin(held: Held, by: Party): Out | undefined {
    const { exploration } = this.#options;
    const out = this.#outs.get(held.token);
    const what = `${by.name} begins token ${held.token}`;
    exploration.note(what);
    if (out === undefined || out.to !== by) exploration.blame(`${what}, which was not given to it`);
    else if (out.held !== undefined) exploration.blame(`${what} a second time`);
    else if (out.isTold) exploration.blame(`${what}, although it knows that others have it`);
    else if (out.state === 'settled') exploration.blame(`${what}, which is settled`);
    else if (by.isLeaving) exploration.blame(`${what}, although it stops`);
    else this.#checkOrder(out.life, what);
    if (out !== undefined) out.held = held;
    return out;
  }

  /** What is known now may have been known to somebody who is gone, or has not heard of it: others find it by their poll. */
  hush(): void {
    this.#mustHush = this.#isWorking;
    if (!this.#isWorking) for (const life of this.open) if (life.out === undefined) life.isHushed = true;
  }

  /** What could be delivered now, and since when. */
  *available(): Generator<Life> {
    const { time } = this.#options.exploration;
    const firsts = new Map<string, Life>();
    for (const life of this.open) {
      const first = life.key === undefined ? undefined : firsts.get(life.key);
      if (life.key !== undefined && (first === undefined || placeOf(life) < placeOf(first))) firsts.set(life.key, life);
    }
    for (const life of this.open) {
      const isFree =
        life.out === undefined && life.dueAt <= time && (life.key === undefined || firsts.get(life.key) === life);
      life.since = isFree ? (life.since ?? time) : undefined;
      if (isFree) yield life;
    }
  }

  /** Deliveries that an instance has heard of, until it knows that they are settled or lost. */
  handsOf(party: Party): Out[] {
    const hands = this.#hands.get(party) ?? new Set();
    for (const out of hands) if (out.isTold && (out.held === undefined || out.outcome !== undefined)) hands.delete(out);
    return [...hands];
  }

  /** What the broker believes an instance to hold, but for what it was given by calls that came late. */
  heldBy(party: Party): Out[] {
    return [...this.#held].filter((out) => out.to === party && !out.isLate);
  }

  /** Whether a delivery belongs to others by now. */
  isGone(token: number): boolean {
    return this.#outs.get(token)?.state === 'gone';
  }

  /** Everything has come to its end: the log must say the same. */
  checkEnd(): void {
    const { exploration } = this.#options;
    const [state] = this.log.tend(undefined, exploration.time);
    const { lag, pending, lost } = state!;
    if (lag + pending + lost > 0)
      exploration.blame(`at the end ${lag} are not read, ${pending} are pending and ${lost} are lost`);
    const letters = this.log.deadLetters(GROUP, undefined, Number.POSITIVE_INFINITY);
    const buried = new Map(letters.map(({ body, attempts }) => [this.#lifeOf(body), attempts]));
    if (buried.size !== letters.length) exploration.blame('something is buried twice');
    for (const life of this.lives) {
      const { end, attempts, effects } = life;
      if (buried.has(life) !== (end === 'dead')) exploration.blame(`${this.named(life)} is ${end}, and not as buried`);
      if (end === 'dead' && buried.get(life) !== attempts)
        exploration.blame(`${this.named(life)} died in attempt ${attempts}, not ${buried.get(life)}`);
      if (effects > (end === 'done' ? 1 : 0)) exploration.blame(`${this.named(life)} was committed ${effects} times`);
    }
  }

  #announced(body: string): number {
    this.#lifeOf(body).place = ++this.#places;
    return 0;
  }

  #lifeOf(body: string): Life {
    return this.lives[(JSON.parse(body) as { n: number }).n]!;
  }

  named({ n }: Life): string {
    return `${this.channel}#${n}`;
  }

  /** An instance settles what it has, once, and as its handler ended. */
  #checkSettlements(settlements: readonly Settlement[], from: Party): void {
    const { exploration } = this.#options;
    const tokens = new Set<number>();
    for (const settlement of settlements) {
      const { token, outcome } = settlement;
      const out = this.#outs.get(token);
      const what = `${from.name} settles token ${token} as ${outcome}`;
      if (out === undefined || out.to !== from || out.id !== settlement.id) {
        exploration.blame(`${what}, which was not given to it`);
        continue;
      }
      if (tokens.has(token) || out.isAnswered) exploration.blame(`${what} twice`);
      tokens.add(token);
      const isCommit = outcome === 'done' && settlement.commands !== undefined;
      if (outcome === 'release') {
        if (out.held !== undefined && !from.isAbandoning) exploration.blame(`${what}, which its handler has begun`);
      } else if (isCommit ? !out.isCommitting : !isSame(settlement, out.outcome))
        exploration.blame(`${what}, but its handler says ${out.outcome?.outcome ?? 'nothing yet'}`);
    }
  }

  #commit([command]: readonly (readonly string[])[]): string | undefined {
    const [name, n] = command!;
    if (name === 'REFUSED') return 'as the seed says';
    this.lives[Number(n)]!.effects++;
    return undefined;
  }

  /** What former terms hold belongs to the new one, as far as the instance knows of it. */
  #reconcile({ holders, known }: NonNullable<WorkRequest['former']>, holder: string): void {
    for (const out of this.#held) {
      if (!holders.includes(out.holder)) continue;
      if (known.some(({ token }) => token === out.token)) out.holder = holder;
      else {
        out.life.attempts--;
        this.#takeBack(out);
        if (out.isHeard) this.#options.exploration.blame(`${out.to.name} does not know token ${out.token} any more`);
      }
    }
  }

  #settled(settlement: Settlement, { refused, failed }: Work): Out | undefined {
    const { exploration } = this.#options;
    const { token, outcome } = settlement;
    const out = this.#outs.get(token);
    if (out === undefined || failed.some((each) => each.token === token)) return undefined;
    const { life } = out;
    if (refused.includes(token)) {
      if (out.state === 'held') exploration.blame(`token ${token} was refused, although nobody else has it`);
      return out;
    }
    if (out.state !== 'held') exploration.blame(`token ${token} was accepted, although it is ${out.state}`);
    out.state = 'settled';
    this.#held.delete(out);
    life.out = undefined;
    if (outcome === 'done' || outcome === 'dead') {
      life.end = outcome;
      this.open.delete(life);
    } else if (outcome === 'release') life.attempts--;
    else life.dueAt = exploration.time + settlement.delay;
    return out;
  }

  /** Whoever has given no sign of life has lost what it held. */
  #claim(claimTimeout: number): void {
    const { exploration } = this.#options;
    const { time } = exploration;
    for (const out of this.#held) {
      if (time - out.signAt < claimTimeout) continue;
      if (out.isHeard && !out.to.isTroubled && time - out.to.troubledAt >= claimTimeout)
        exploration.blame(`${out.to.name} loses token ${out.token}, although it is well`);
      this.#takeBack(out);
    }
  }

  #takeBack(out: Out): void {
    out.state = 'gone';
    out.life.out = undefined;
    this.#held.delete(out);
  }

  #delivered(
    { id, token, attempt, body }: Work['deliveries'][number],
    { holder }: WorkRequest,
    to: Party,
    isLate: boolean,
  ): Out {
    const { exploration } = this.#options;
    const { time } = exploration;
    const life = this.#lifeOf(body);
    const what = `${this.named(life)} is delivered`;
    if (life.end !== undefined) exploration.blame(`${what} although it is ${life.end}`);
    if (life.out !== undefined) exploration.blame(`${what} although ${life.out.to.name} has it`);
    if (life.dueAt > time) exploration.blame(`${what} ${life.dueAt - time} ms too early`);
    if (attempt !== life.attempts + 1)
      exploration.blame(`${what} in attempt ${attempt}, the one after ${life.attempts}`);
    this.#checkOrder(life, what);
    life.attempts = attempt;
    life.isHushed = false;
    const out: Out = {
      life,
      id,
      token,
      attempt,
      to,
      isLate,
      holder,
      state: 'held',
      signAt: time,
      isHeard: false,
      isTold: false,
      isAnswered: false,
      held: undefined,
      isCommitting: false,
      outcome: undefined,
    };
    life.out = out;
    this.#outs.set(token, out);
    this.#held.add(out);
    return out;
  }

  #checkOrder(life: Life, what: string): void {
    if (life.key === undefined) return;
    for (const other of this.open) {
      if (other.key === life.key && placeOf(other) < placeOf(life))
        this.#options.exploration.blame(`${what} before ${this.named(other)} of the same key has come to its end`);
    }
  }

  #note({ settlements, holder, room, former }: WorkRequest, work: Work, from: Party): void {
    const settled = settlements.map(({ token, outcome }) => {
      const end = work.refused.includes(token) ? ', refused' : work.failed.length > 0 ? ', failed' : '';
      return `${token} ${outcome}${end}`;
    });
    const got = work.deliveries.map(({ token, attempt, body }) => {
      return `${this.named(this.#lifeOf(body))} (token ${token}, attempt ${attempt})`;
    });
    const parts = [
      `${from.name} as ${holder} asks ${this.channel}`,
      former === undefined
        ? ''
        : `after ${former.holders.join(' ')} with ${former.known.map(({ token }) => token).join(' ') || 'nothing'}`,
      settled.length === 0 ? '' : `settles ${settled.join(', ')}`,
      `has room for ${room}, gets ${got.join(', ') || 'nothing'}`,
      `${work.more ? 'of more' : ''}${work.lapsed ? ' and has lapsed' : ''}${work.dueIn === undefined ? '' : ` due in ${work.dueIn}`}`,
    ];
    this.#options.exploration.note(parts.filter((part) => part !== '').join('; '));
  }
}

const placeOf = ({ place }: Life): number => place ?? Number.POSITIVE_INFINITY;

function isSame(settlement: Settlement, outcome: Outcome | undefined): boolean {
  if (settlement.outcome !== outcome?.outcome) return false;
  if (settlement.outcome === 'retry' && outcome.outcome === 'retry') return settlement.delay === outcome.delay;
  return true;
}
