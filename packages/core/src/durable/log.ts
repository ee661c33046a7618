import type {
  Appended,
  DeadLetter,
  GroupState,
  Keep,
  LogPart,
  OutgoingDurableEvent,
  WorkRequest,
} from './durability.js';
import type { Death, Entry, Log, Work } from './delivery.js';
import { DurableGroup, type RunCommands } from './group.js';

/** Rings at an instance that waits for work of a group. False: it is not there. */
export type Ring = (group: string, instance: string) => boolean;

/** What a log is told about the world around it. */
export interface LogSurroundings {
  readonly ring: Ring;
  /** Tells whoever listens to all of the channel. Returns how many that were. */
  readonly announce: (body: string) => number;
  /** How many have a place in the group. */
  readonly members: (group: string) => number;
}

/** So many entries may wait behind others of their key; then a group reads nothing more until some of them are done. */
export const MAX_PARKED = 10_000;

/** Memory is never emptied behind anybody's back. */
const EPOCH = 'memory';

interface Group {
  readonly state: DurableGroup;
  readonly dead: Map<string, DeadLetter>;
}

/** One durable channel in memory: its entries, what is delayed, and its groups with their dead letters. */
export class DurableLog {
  readonly #surroundings: LogSurroundings;
  readonly #entries = new Map<string, Entry>();
  /** Where to look for the entry after a given one: ids in order, without what was trimmed. */
  #order: string[] = [];
  readonly #groups = new Map<string, Group>();
  readonly #delayed = new Map<string, { readonly event: OutgoingDurableEvent; readonly dueAt: number }>();
  /** Ids that publishers gave -> the entry, and until when that is remembered. */
  readonly #given = new Map<string, { entry: string | undefined; readonly until: number }>();
  #count = 0;
  #letters = 0;
  readonly #log: Log;

  constructor(surroundings: LogSurroundings) {
    this.#surroundings = surroundings;
    const countOf = () => this.#count;
    this.#log = {
      epoch: EPOCH,
      get count() {
        return countOf();
      },
      after: (id) => this.#after(id),
      get: (id) => this.#entries.get(id),
    };
  }

  append(event: OutgoingDurableEvent, now: number): Appended {
    this.mature(now);
    const { messageId, window, delay } = event;
    const known = window === undefined ? undefined : this.#recall(messageId, now);
    if (known !== undefined) return { entry: known.entry, duplicate: true, broadcast: 0, groups: this.#presence() };
    let entry: string | undefined;
    let broadcast = 0;
    if (delay !== undefined) this.#delayed.set(messageId, { event, dueAt: now + delay });
    else {
      entry = this.#add(event, now);
      broadcast = this.#surroundings.announce(event.body);
    }
    if (window !== undefined) this.#given.set(messageId, { entry, until: now + window });
    this.#wakeAll();
    return { entry, duplicate: false, broadcast, groups: this.#presence() };
  }

  cancel(messageId: string): boolean {
    if (!this.#delayed.delete(messageId)) return false;
    this.#given.delete(messageId);
    return true;
  }

  createGroup(name: string, from: 'start' | 'now'): void {
    if (this.#groups.has(name)) return;
    const last = this.#entries.get(this.#order.at(-1) ?? '');
    const first = this.#entries.get(this.#order[0] ?? '');
    const beforeFirst = { id: '', ordinal: (first?.ordinal ?? this.#count + 1) - 1 };
    const dead = new Map<string, DeadLetter>();
    const state = new DurableGroup({
      name,
      log: this.#log,
      after: from === 'now' && last !== undefined ? last : beforeFirst,
      maxParked: MAX_PARKED,
      ring: (instance) => this.#surroundings.ring(name, instance),
      bury: (death, now) => this.#bury(dead, death, now),
    });
    this.#groups.set(name, { state, dead });
  }

  work({ group, ...ask }: Omit<WorkRequest, 'channel'>, now: number, run?: RunCommands): Work {
    this.mature(now);
    this.createGroup(group, 'start');
    const { state } = this.#groups.get(group)!;
    const work = state.work(ask, now, run);
    return { ...work, dueIn: this.#soonest(work.dueIn, now) };
  }

  read(after: string | undefined, count: number, now: number): LogPart {
    this.mature(now);
    const entries: Entry[] = [];
    let next = after === undefined ? undefined : this.#after(after);
    for (; next !== undefined && entries.length < count; next = this.#after(next.id)) entries.push(next);
    const last = this.#order.at(-1) ?? '';
    return { entries, last, count: this.#count, epoch: EPOCH, dueIn: this.#soonest(undefined, now) };
  }

  /** Appends what is due. */
  mature(now: number): void {
    const due = [...this.#delayed].filter(([, { dueAt }]) => dueAt <= now).sort(([, a], [, b]) => a.dueAt - b.dueAt);
    for (const [id, { event }] of due) {
      this.#delayed.delete(id);
      const entry = this.#add(event, now);
      const given = this.#given.get(id);
      if (given !== undefined) given.entry = entry;
      this.#surroundings.announce(event.body);
    }
    if (due.length > 0) this.#wakeAll();
  }

  /** Trims what is not to be kept, and says how each group stands. */
  tend(keep: Keep | undefined, now: number): readonly GroupState[] {
    if (keep !== undefined) this.#trim(keep, now);
    return Array.from(this.#groups, ([group, { state, dead }]) => {
      const { oldest } = state;
      return {
        group,
        members: this.#surroundings.members(group),
        lag: this.#count - state.ordinal,
        pending: state.pending,
        retries: state.retries,
        oldestAge: oldest === undefined ? undefined : now - appendedAt(oldest.id),
        deadLetters: dead.size,
        lost: state.lost,
        idle: now - state.activeAt,
      };
    });
  }

  removeGroup(name: string): 'removed' | undefined | number {
    if (!this.#groups.has(name)) return undefined;
    const members = this.#surroundings.members(name);
    if (members > 0) return members;
    this.#groups.delete(name);
    return 'removed';
  }

  deadLetters(group: string, after: string | undefined, count: number): readonly DeadLetter[] {
    const letters = [...(this.#groups.get(group)?.dead.values() ?? [])];
    const from = after === undefined ? 0 : letters.findIndex(({ id }) => Number(id) > Number(after));
    return from < 0 ? [] : letters.slice(from, from + count);
  }

  deadLetter(group: string, id: string): DeadLetter | undefined {
    return this.#groups.get(group)?.dead.get(id);
  }

  replay(group: string, ids: readonly string[], now: number): number {
    const { state, dead } = this.#groups.get(group) ?? {};
    let count = 0;
    for (const id of ids) {
      const letter = dead?.get(id);
      if (letter === undefined) continue;
      dead?.delete(id);
      this.#add({ body: letter.body, key: letter.key, messageId: messageIdOf(letter.body), only: group }, now);
      count++;
    }
    if (count > 0) state?.wake();
    return count;
  }

  purge(group: string, ids: readonly string[] | undefined): number {
    const dead = this.#groups.get(group)?.dead;
    if (dead === undefined) return 0;
    const gone = (ids ?? [...dead.keys()]).filter((id) => dead.delete(id));
    return gone.length;
  }

  #add(event: Pick<Entry, 'body' | 'key' | 'messageId' | 'only'> & { readonly cap?: number | undefined }, now: number) {
    const { body, key, messageId, only, cap } = event;
    const ordinal = ++this.#count;
    const id = `${now}-${ordinal}`;
    this.#entries.set(id, { id, body, key, ordinal, only, messageId: messageId ?? messageIdOf(body) });
    this.#order.push(id);
    // By a hundredth at a time: to cut costs as much as the log is long.
    if (cap !== undefined && this.#order.length > cap * 1.01) this.#cut(this.#order.length - cap);
    return id;
  }

  #after(id: string | undefined): Entry | undefined {
    if (id === undefined || id === '') return this.#entries.get(this.#order[0] ?? '');
    const ordinal = ordinalOf(id);
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ordinalOf(this.#order[middle]!) > ordinal) high = middle;
      else low = middle + 1;
    }
    return this.#entries.get(this.#order[low] ?? '');
  }

  #trim({ age, count }: Keep, now: number): void {
    let floor = this.#count + 1;
    for (const { state } of this.#groups.values()) floor = Math.min(floor, state.oldest?.ordinal ?? floor);
    const acknowledged = this.#order.filter((id) => ordinalOf(id) < floor);
    const tooMany = count === undefined ? 0 : acknowledged.length - count;
    const tooOld = acknowledged.filter((id) => now - appendedAt(id) >= age).length;
    this.#cut(Math.max(tooMany, tooOld));
  }

  #cut(count: number): void {
    if (count <= 0) return;
    for (const id of this.#order.slice(0, count)) this.#entries.delete(id);
    this.#order = this.#order.slice(count);
  }

  #bury(dead: Map<string, DeadLetter>, { id: entry, body, key, reason, attempts, firstAt }: Death, at: number): void {
    const id = String(++this.#letters);
    dead.set(id, { id, entry, body, key, reason, attempts, firstAt, at });
  }

  #recall(messageId: string, now: number): { entry: string | undefined } | undefined {
    for (const [id, { until }] of this.#given) {
      if (until > now) break; // the oldest come first, as long as the window is the same
      this.#given.delete(id);
    }
    const known = this.#given.get(messageId);
    if (known === undefined || known.until > now) return known;
    this.#given.delete(messageId);
    return undefined;
  }

  #soonest(dueIn: number | undefined, now: number): number | undefined {
    const delays = Array.from(this.#delayed.values(), ({ dueAt }) => Math.max(0, dueAt - now));
    return [dueIn, ...delays].reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined);
  }

  #wakeAll(): void {
    for (const { state } of this.#groups.values()) state.wake();
  }

  #presence(): Record<string, number> {
    return Object.fromEntries(
      Array.from(this.#groups.keys(), (group) => [group, this.#surroundings.members(group) > 0 ? 1 : 0]),
    );
  }
}

const appendedAt = (id: string): number => Number(id.slice(0, id.indexOf('-')));
const ordinalOf = (id: string): number => Number(id.slice(id.indexOf('-') + 1));

/** The id that an envelope says it has; `undefined` where it is none. */
export function messageIdOf(body: string): string | undefined {
  try {
    const id: unknown = JSON.parse(body)?.id;
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}
