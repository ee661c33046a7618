/** An outage may be over for the publisher and not yet for its subscribers: for so many events, and for so long, they are told of what is uncertain. */
const TOLD_EVENTS = 64;
const TOLD_MS = 30_000;

/** Numbers that may never have been published. */
interface Doubt {
  first: number;
  last: number;
  told: number;
  toldSince: number;
}

/** Numbers what is written on one channel. A number that Redis has refused goes to whatever is written next, so that none stays unused. */
export class Sequence {
  #next = 1;
  /** Given back. Later ones may be under way, and arrive first: subscribers wait a while for what is missing. */
  readonly #returned: number[] = [];
  #doubt: Doubt | undefined;

  /** So many numbers, the lowest first. */
  take(count: number): readonly number[] {
    const numbers = this.#returned.length === 0 ? [] : this.#returned.sort((a, b) => a - b).splice(0, count);
    while (numbers.length < count) numbers.push(this.#next++);
    return numbers;
  }

  /** They were not used after all. */
  giveBack(numbers: readonly number[]): void {
    this.#returned.push(...numbers);
  }

  /** Whether they were used nobody knows. */
  lose(numbers: readonly number[]): void {
    const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
    const before = this.#doubt;
    // A later outage with certain events in between: what is told of the earlier one is over.
    const isOne = before !== undefined && first <= before.last + 1 && last >= before.first - 1;
    this.#doubt = {
      first: isOne ? Math.min(first, before.first) : first,
      last: isOne ? Math.max(last, before.last) : last,
      told: 0,
      toldSince: Number.NaN,
    };
  }

  /** Which numbers are uncertain, as the next so many events are to tell: `first-last`. */
  uncertain(count: number, now: number): string | undefined {
    const doubt = this.#doubt;
    if (doubt === undefined) return undefined;
    if (Number.isNaN(doubt.toldSince)) doubt.toldSince = now;
    doubt.told += count;
    if (doubt.told > TOLD_EVENTS && now - doubt.toldSince > TOLD_MS) this.#doubt = undefined;
    return `${doubt.first}-${doubt.last}`;
  }
}
