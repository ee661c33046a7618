// The state machine of durable delivery, without time, transport or handlers of its own: what it does depends on its arguments alone.
// The memory transport runs on it; the Lua scripts of the Redis transport do the same, and the explorer holds both to its invariants.

/** One event of a log. */
export interface Entry {
  /** Its place in the log; later entries have later places. */
  readonly id: string;
  /** The envelope, encoded. */
  readonly body: string;
  /** Entries with the same key are handled one at a time, in the order of the log. */
  readonly key: string | undefined;
}

/** An entry in the hands of an instance. */
export interface Delivery extends Entry {
  /** Names this delivery: only its holder can settle it. */
  readonly token: number;
  /** Which attempt it is, from 1. */
  readonly attempt: number;
}

/** What became of a delivery. */
export type Settlement = { readonly id: string; readonly token: number } & (
  | { readonly outcome: 'done' }
  /** Again, at this time. */
  | { readonly outcome: 'retry'; readonly at: number }
  /** Never again: it goes to the dead letters. */
  | { readonly outcome: 'dead'; readonly reason: DeathReason }
  /** It was not tried to the end, and counts as no attempt: somebody else may have it at once. */
  | { readonly outcome: 'release' }
);

/** Why an entry was given up. */
export interface DeathReason {
  readonly code: string;
  readonly message: string;
}

/** An entry that was given up. */
export interface DeadLetter extends Entry {
  readonly reason: DeathReason;
  readonly attempts: number;
  readonly at: number;
}

/** What an instance gets when it settles and asks for more. */
export interface Work {
  /** Tokens of deliveries that were not settled: the instance did not hold them any more. */
  readonly refused: readonly number[];
  readonly deliveries: readonly Delivery[];
  /** There is more that could be delivered at once: somebody should be rung. */
  readonly more: boolean;
  /** When the next of those that wait is due. */
  readonly nextDue: number | undefined;
}

/** Where a group reads from. */
export interface Log {
  /** The first entry after a place, or the first of all. */
  after(id: string | undefined): Entry | undefined;
  /** `undefined` when it has been trimmed. */
  get(id: string): Entry | undefined;
}

/** An entry that was read and is not done with, and does not wait behind its key. */
interface Pending {
  readonly key: string | undefined;
  /** Attempts that were begun. */
  attempts: number;
  /** Who holds it, by which delivery; `undefined`: it waits for its time. */
  holder: { readonly instance: string; readonly token: number } | undefined;
  /** When it is to be tried again. */
  dueAt: number;
}

export interface DurableGroupOptions {
  readonly log: Log;
  /** The place after which it begins to read; absent: with everything that is there. */
  readonly after?: string | undefined;
  /** An instance that has given no sign of life for so long has lost what it held, in milliseconds. */
  readonly claimTimeout: number;
  /** So many entries may wait behind others of their key; then nothing more is read until some of them are done. */
  readonly maxParked: number;
}

/** The subscribers that share the work on one log: what they hold, what waits for its time, and what waits behind its key. */
export class DurableGroup {
  readonly #options: DurableGroupOptions;
  /** Everything up to here was read. */
  #cursor: string | undefined;
  #lastToken = 0;
  readonly #pending = new Map<string, Pending>();
  /** Instance that holds something -> its last sign of life. */
  readonly #seen = new Map<string, number>();
  /** Key -> its one entry that is pending. */
  readonly #busy = new Map<string, string>();
  /** Key -> the entries that wait behind that one, in order. */
  readonly #lanes = new Map<string, string[]>();
  #parked = 0;
  /** Entries that were trimmed before they were done with. */
  lost = 0;
  readonly dead: DeadLetter[] = [];

  constructor(options: DurableGroupOptions) {
    this.#options = options;
    this.#cursor = options.after;
  }

  /** Entries that were read and are not done with. */
  get pending(): number {
    return this.#pending.size + this.#parked;
  }

  /**
   * Settles deliveries of an instance, then gives it up to so many entries: the next of a key whose turn has come by that, then what is due,
   * then what is new. A delivery that the instance does not hold any more is refused: it was given to somebody else meanwhile.
   */
  work(instance: string, settlements: readonly Settlement[], room: number, now: number): Work {
    const refused: number[] = [];
    const deliveries: Delivery[] = [];
    for (const settlement of settlements) {
      const { id, token } = settlement;
      const pending = this.#pending.get(id);
      const { holder } = pending ?? {};
      if (pending === undefined || holder?.instance !== instance || holder.token !== token) refused.push(token);
      else {
        const next = this.#settle(settlement, pending, now);
        if (next !== undefined && deliveries.length < room) this.#deliver(next, instance, now, deliveries);
      }
    }
    this.stamp(instance, now);
    if (room > 0) this.#claim(now);
    for (const id of this.#dueAt(now)) if (deliveries.length < room) this.#deliver(id, instance, now, deliveries);
    while (deliveries.length < room && this.#parked < this.#options.maxParked) {
      const entry = this.#options.log.after(this.#cursor);
      if (entry === undefined) break;
      this.#cursor = entry.id;
      this.#read(entry, now);
      if (this.#pending.has(entry.id)) this.#deliver(entry.id, instance, now, deliveries);
    }
    return { refused, deliveries, more: this.#hasMore(now), nextDue: this.#nextDue() };
  }

  /** A sign of life: what the instance holds stays its own. */
  stamp(instance: string, now: number): void {
    if (this.#seen.has(instance)) this.#seen.set(instance, now);
  }

  /** Reads an entry: it is pending, or waits behind the one of its key that is. */
  #read({ id, key }: Entry, now: number): void {
    if (key !== undefined && this.#busy.has(key)) {
      const lane = this.#lanes.get(key) ?? [];
      this.#lanes.set(key, lane);
      lane.push(id);
      this.#parked++;
    } else this.#wait(id, key, 0, now);
  }

  #wait(id: string, key: string | undefined, attempts: number, dueAt: number): void {
    this.#pending.set(id, { key, attempts, holder: undefined, dueAt });
    if (key !== undefined) this.#busy.set(key, id);
  }

  #deliver(id: string, instance: string, now: number, deliveries: Delivery[]): void {
    const pending = this.#pending.get(id) as Pending;
    const entry = this.#options.log.get(id);
    if (entry === undefined) {
      this.lost++;
      const next = this.#done(id, pending, now);
      if (next !== undefined) this.#deliver(next, instance, now, deliveries);
      return;
    }
    pending.attempts++;
    pending.holder = { instance, token: ++this.#lastToken };
    this.#seen.set(instance, now);
    deliveries.push({ ...entry, token: this.#lastToken, attempt: pending.attempts });
  }

  /** Returns the entry whose turn has come by that. */
  #settle(settlement: Settlement, pending: Pending, now: number): string | undefined {
    const { id, outcome } = settlement;
    pending.holder = undefined;
    if (outcome === 'retry') pending.dueAt = settlement.at;
    else if (outcome === 'release') {
      pending.dueAt = now;
      pending.attempts--;
    } else {
      const entry = this.#options.log.get(id);
      if (outcome === 'dead' && entry !== undefined)
        this.dead.push({ ...entry, reason: settlement.reason, attempts: pending.attempts, at: now });
      return this.#done(id, pending, now);
    }
    return undefined;
  }

  /** The entry is done with: the next of its key has its turn. Returns that. */
  #done(id: string, { key }: Pending, now: number): string | undefined {
    this.#pending.delete(id);
    if (key === undefined) return undefined;
    this.#busy.delete(key);
    const lane = this.#lanes.get(key);
    const next = lane?.shift();
    if (lane?.length === 0) this.#lanes.delete(key);
    if (next === undefined) return undefined;
    this.#parked--;
    this.#wait(next, key, 0, now);
    return next;
  }

  /** What the dead held is due at once. The attempt counts: perhaps it was this entry that killed them. */
  #claim(now: number): void {
    for (const [instance, seen] of this.#seen) {
      if (now - seen < this.#options.claimTimeout) continue;
      this.#seen.delete(instance);
      for (const pending of this.#pending.values()) {
        if (pending.holder?.instance !== instance) continue;
        pending.holder = undefined;
        pending.dueAt = now;
      }
    }
  }

  #dueAt(now: number): string[] {
    const due = [...this.#pending].filter(([, { holder, dueAt }]) => holder === undefined && dueAt <= now);
    return due.sort(([, a], [, b]) => a.dueAt - b.dueAt).map(([id]) => id);
  }

  #nextDue(): number | undefined {
    const waiting = [...this.#pending.values()].filter(({ holder }) => holder === undefined);
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ dueAt }) => dueAt));
  }

  #hasMore(now: number): boolean {
    if ((this.#nextDue() ?? Number.POSITIVE_INFINITY) <= now) return true;
    return this.#parked < this.#options.maxParked && this.#options.log.after(this.#cursor) !== undefined;
  }
}
