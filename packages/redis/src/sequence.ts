/** Numbers what is written on one channel. A number that Redis has refused goes to whatever is written next, so that none stays unused. */
export class Sequence {
  #next = 1;
  /** Given back. Later ones may be under way, and arrive first: subscribers wait a while for what is missing. */
  readonly #returned: number[] = [];

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
}
