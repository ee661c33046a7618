// The state machine of durable delivery, without time, transport or handlers of its own: what it does depends on its arguments alone.
// The memory transport runs on it; packages/redis/src/lua/work.lua does the same, and the explorer holds both to its invariants.
import type { Death, Delivery, Entry, Log, Settlement, Work } from './delivery.js';
import type { WorkRequest } from './durability.js';

/** An entry that was read and is not done with, and does not wait behind its key. */
interface Pending {
  readonly key: string | undefined;
  /** Attempts that were begun. */
  attempts: number;
  /** When the first of them was. */
  firstAt: number;
  /** Who holds it, by which delivery; `undefined`: it waits for its time. */
  holder: { name: string; readonly token: number } | undefined;
  /** When it is to be tried again. */
  dueAt: number;
}

export interface DurableGroupOptions {
  readonly name: string;
  readonly log: Log;
  /** The entry after which it begins to read; absent: with everything that is there. */
  readonly after?: Pick<Entry, 'id' | 'ordinal'> | undefined;
  /** So many entries may wait behind others of their key; then nothing more is read until some of them are done. */
  readonly maxParked: number;
  /** Rings at an instance. False: nobody heard it. */
  readonly ring: (instance: string) => boolean;
  readonly bury: (death: Death, now: number) => void;
}

/** Runs commands that take effect together with an acknowledgement. Returns why they cannot be run. */
export type RunCommands = (commands: readonly (readonly string[])[]) => string | undefined;

type Ask = Omit<WorkRequest, 'channel' | 'group'>;

/** The subscribers that share the work on one log: what they hold, what waits for its time, and what waits behind its key. */
export class DurableGroup {
  readonly #options: DurableGroupOptions;
  /** Everything up to here was read. */
  #cursor: string | undefined;
  #ordinal: number;
  #lastToken = 0;
  readonly #pending = new Map<string, Pending>();
  /** Holder of something -> its last sign of life. */
  readonly #seen = new Map<string, number>();
  /** Key -> its one entry that is pending. */
  readonly #busy = new Map<string, string>();
  /** Key -> the entries that wait behind that one, in order. */
  readonly #lanes = new Map<string, string[]>();
  #parked = 0;
  /** Message id -> until when a second one is dropped. */
  readonly #completed = new Map<string, number>();
  /** Instances that would take more than there was. */
  #waiting: string[] = [];
  /** Entries that were gone before they were done with, since it began. */
  lost = 0;
  /** When a member last asked for work. */
  activeAt = 0;

  constructor(options: DurableGroupOptions) {
    this.#options = options;
    this.#cursor = options.after?.id;
    this.#ordinal = options.after?.ordinal ?? 0;
  }

  /** Entries that were read and are not done with. */
  get pending(): number {
    return this.#pending.size + this.#parked;
  }

  /** Entries that wait for another attempt, or for anybody. */
  get retries(): number {
    let count = 0;
    for (const { holder } of this.#pending.values()) if (holder === undefined) count++;
    return count;
  }

  /** The last entry that was read. */
  get ordinal(): number {
    return this.#ordinal;
  }

  /** The oldest entry that is not done with, or has not been read. */
  get oldest(): Entry | undefined {
    const { log } = this.#options;
    let oldest = log.after(this.#cursor);
    for (const id of [...this.#pending.keys(), ...[...this.#lanes.values()].flat()]) {
      const entry = log.get(id);
      if (entry !== undefined && (oldest === undefined || entry.ordinal < oldest.ordinal)) oldest = entry;
    }
    return oldest;
  }

  /** Rings at an instance that waits for work. False: nobody does, or nobody hears it any more. */
  wake(besides?: string): boolean {
    for (;;) {
      const instance = this.#waiting.find((each) => each !== besides);
      if (instance === undefined) return false;
      this.#waiting = this.#waiting.filter((each) => each !== instance);
      if (this.#options.ring(instance)) return true;
    }
  }

  /**
   * Settles deliveries, then gives the holder up to so many entries: the next of a key whose turn has come by that, then what is due, then
   * what is new. A settlement of a delivery that is not out any more is refused: the entry was given to somebody else meanwhile.
   */
  work(ask: Ask, now: number, run: RunCommands = () => undefined): Work {
    const { instance, holder, room } = ask;
    const refused: number[] = [];
    const failed: { token: number; message: string }[] = [];
    const deliveries: Delivery[] = [];
    const lostBefore = ask.holding > 0 && !this.#seen.has(holder) && ask.former === undefined;
    const kept = ask.former === undefined ? [] : this.#reconcile(ask.former, holder, now);
    const repeated = { count: 0 };
    const lostEarlier = this.lost;
    const give = (id: string) => this.#deliver(id, ask, now, deliveries, repeated);
    for (const settlement of ask.settlements) {
      const { id, token } = settlement;
      const pending = this.#pending.get(id);
      if (pending?.holder?.token !== token) {
        refused.push(token);
        continue;
      }
      const commands = settlement.outcome === 'done' ? settlement.commands : undefined;
      const trouble = commands && run(commands);
      if (trouble !== undefined) failed.push({ token, message: trouble });
      else {
        const next = this.#settle(settlement, pending, now);
        if (next !== undefined && deliveries.length < room) give(next);
      }
    }
    if (this.#seen.has(holder)) this.#seen.set(holder, now); // a sign of life: what it holds stays its own
    this.activeAt = now;
    if (room > 0) this.#claim(now, ask.claimTimeout);
    for (const id of this.#dueAt(now)) if (deliveries.length < room) give(id);
    while (deliveries.length < room && this.#parked < this.#options.maxParked) {
      const entry = this.#options.log.after(this.#cursor);
      if (entry === undefined) break;
      this.#read(entry, now);
      if (this.#pending.has(entry.id)) give(entry.id);
    }
    const more = this.#hasMore(now);
    const wantsMore = deliveries.length < room;
    if (wantsMore !== this.#waiting.includes(instance)) {
      this.#waiting = this.#waiting.filter((each) => each !== instance);
      if (wantsMore) this.#waiting.push(instance);
    }
    // Who leaves may have been the only one to know what is due when.
    const leaves = room === 0 && ask.holding === ask.settlements.length;
    if (more || leaves) this.wake(instance);
    const dueIn = this.#nextDue();
    return {
      refused,
      failed,
      deliveries,
      more,
      dueIn: dueIn === undefined ? undefined : Math.max(0, dueIn - now),
      lapsed: lostBefore,
      kept,
      lost: this.lost - lostEarlier,
      repeated: repeated.count,
      epoch: this.#options.log.epoch,
      count: this.#options.log.count,
    };
  }

  /** What former terms hold of these belongs to the holder now, and the rest is given back: its holder never heard of it. */
  #reconcile({ holders, known }: NonNullable<Ask['former']>, name: string, now: number): number[] {
    const kept: number[] = [];
    for (const former of holders) this.#seen.delete(former);
    for (const pending of this.#pending.values()) {
      const { holder } = pending;
      if (holder === undefined || !holders.includes(holder.name)) continue;
      if (known.some(({ token }) => token === holder.token)) {
        holder.name = name;
        this.#seen.set(name, now);
        kept.push(holder.token);
      } else {
        pending.holder = undefined;
        pending.dueAt = now;
        pending.attempts--;
      }
    }
    return kept;
  }

  /** Reads an entry: it is pending, or waits behind the one of its key that is. */
  #read({ id, key, ordinal, only }: Entry, now: number): void {
    this.#cursor = id;
    if (ordinal > this.#ordinal + 1) this.lost += ordinal - this.#ordinal - 1;
    this.#ordinal = ordinal;
    if (only !== undefined && only !== this.#options.name) return;
    if (key !== undefined && this.#busy.has(key)) {
      const lane = this.#lanes.get(key) ?? [];
      this.#lanes.set(key, lane);
      lane.push(id);
      this.#parked++;
    } else this.#wait(id, key, now);
  }

  #wait(id: string, key: string | undefined, dueAt: number): void {
    this.#pending.set(id, { key, attempts: 0, firstAt: 0, holder: undefined, dueAt });
    if (key !== undefined) this.#busy.set(key, id);
  }

  #deliver(id: string, ask: Ask, now: number, deliveries: Delivery[], repeated: { count: number }): void {
    const pending = this.#pending.get(id) as Pending;
    const entry = this.#options.log.get(id);
    const isRepeated = ask.once && entry !== undefined && this.#isCompleted(entry.messageId, now);
    if (entry === undefined || isRepeated) {
      if (isRepeated) repeated.count++;
      else this.lost++;
      const next = this.#done(id, pending, now);
      if (next !== undefined) this.#deliver(next, ask, now, deliveries, repeated);
      return;
    }
    if (pending.attempts === 0) pending.firstAt = now;
    pending.attempts++;
    pending.holder = { name: ask.holder, token: ++this.#lastToken };
    this.#seen.set(ask.holder, now);
    const { body, key } = entry;
    deliveries.push({ id, body, key, token: this.#lastToken, attempt: pending.attempts });
  }

  #isCompleted(messageId: string | undefined, now: number): boolean {
    return messageId !== undefined && (this.#completed.get(messageId) ?? 0) > now;
  }

  /** Returns the entry whose turn has come by that. */
  #settle(settlement: Settlement, pending: Pending, now: number): string | undefined {
    const { id, outcome } = settlement;
    pending.holder = undefined;
    if (outcome === 'retry') pending.dueAt = now + settlement.delay;
    else if (outcome === 'release') {
      pending.dueAt = now;
      pending.attempts--;
    } else {
      const entry = this.#options.log.get(id);
      if (outcome === 'dead' && entry !== undefined) {
        const { attempts, firstAt } = pending;
        this.#options.bury({ ...entry, reason: settlement.reason, attempts, firstAt }, now);
      }
      if (outcome === 'done' && settlement.once !== undefined) this.#mark(settlement.once, now);
      return this.#done(id, pending, now);
    }
    return undefined;
  }

  #mark({ messageId, window }: { messageId: string; window: number }, now: number): void {
    for (const [id, until] of this.#completed) {
      if (until > now) break; // the oldest come first, as long as the window is the same
      this.#completed.delete(id);
    }
    this.#completed.delete(messageId);
    this.#completed.set(messageId, now + window);
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
    this.#wait(next, key, now);
    return next;
  }

  /** What the dead held is due at once. The attempt counts: perhaps it was this entry that killed them. */
  #claim(now: number, claimTimeout: number): void {
    for (const [holder, seen] of this.#seen) {
      if (now - seen < claimTimeout) continue;
      this.#seen.delete(holder);
      for (const pending of this.#pending.values()) {
        if (pending.holder?.name !== holder) continue;
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
    let soonest: number | undefined;
    for (const { holder, dueAt } of this.#pending.values())
      if (holder === undefined && (soonest === undefined || dueAt < soonest)) soonest = dueAt;
    return soonest;
  }

  #hasMore(now: number): boolean {
    if ((this.#nextDue() ?? Number.POSITIVE_INFINITY) <= now) return true;
    return this.#parked < this.#options.maxParked && this.#options.log.after(this.#cursor) !== undefined;
  }
}
