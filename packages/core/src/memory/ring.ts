import type { Listener } from './listener.js';
import { ownerOf } from './rendezvous.js';

// How long a group without members stays known, so that its absence shows in receipts.
const REMEMBERED_MS = 24 * 3_600_000;

/** The members of one group on one channel, in the order in which they joined. */
export class Ring {
  readonly #members: Listener[] = [];
  /** Members that leave the work to others, as long as there are any. */
  readonly #aside = new Set<Listener>();
  #emptySince = 0;

  get size(): number {
    return this.#active().length;
  }

  join(member: Listener): void {
    this.#members.push(member);
  }

  leave(member: Listener, now: number): void {
    const place = this.#members.indexOf(member);
    if (place >= 0) this.#members.splice(place, 1);
    this.#aside.delete(member);
    this.#emptySince = now;
  }

  /** Leaves the work to others, or takes it again. The last one keeps it in any case. */
  stepAside(member: Listener, aside: boolean): void {
    if (aside && this.#members.includes(member)) this.#aside.add(member);
    else this.#aside.delete(member);
  }

  find(instance: string): Listener | undefined {
    return this.#members.find((member) => member.instance === instance);
  }

  /** Whose event this is: the key's owner, else the member whose turn it is. */
  choose(turn: number, key: string | undefined): Listener | undefined {
    const active = this.#active();
    return key === undefined ? active[turn % active.length] : ownerOf(key, active);
  }

  isForgotten(now: number): boolean {
    return this.#members.length === 0 && now - this.#emptySince >= REMEMBERED_MS;
  }

  #active(): readonly Listener[] {
    if (this.#aside.size === 0) return this.#members;
    const active = this.#members.filter((member) => !this.#aside.has(member));
    return active.length === 0 ? this.#members : active;
  }
}
