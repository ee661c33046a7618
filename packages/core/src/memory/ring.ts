import type { Listener } from './listener.js';
import { ownerOf } from './rendezvous.js';

// How long a group without members stays known, so that its absence shows in receipts.
const REMEMBERED_MS = 24 * 3_600_000;

/** The members of one group on one channel, in the order in which they joined. */
export class Ring {
  readonly #members: Listener[] = [];
  #emptySince = 0;

  get size(): number {
    return this.#members.length;
  }

  join(member: Listener): void {
    this.#members.push(member);
  }

  leave(member: Listener, now: number): void {
    const place = this.#members.indexOf(member);
    if (place >= 0) this.#members.splice(place, 1);
    this.#emptySince = now;
  }

  find(instance: string): Listener | undefined {
    return this.#members.find((member) => member.instance === instance);
  }

  /** Whose event this is: the key's owner, else the member whose turn it is. */
  choose(turn: number, key: string | undefined): Listener | undefined {
    return key === undefined ? this.#members[turn % this.#members.length] : ownerOf(key, this.#members);
  }

  isForgotten(now: number): boolean {
    return this.#members.length === 0 && now - this.#emptySince >= REMEMBERED_MS;
  }
}
