/** Numbers what is written on one channel, without gaps: what Redis has refused to execute gives its numbers back. */
export class Sequence {
  #next = 1;
  /** Given back, and not yet to be used again because later numbers are under way. */
  readonly #returned: { readonly first: number; readonly count: number }[] = [];

  /** The first of so many numbers. */
  take(count: number): number {
    const first = this.#next;
    this.#next += count;
    return first;
  }

  /** They were not used after all. As soon as all later ones have come back too, they are given again. */
  giveBack(first: number, count: number): void {
    this.#returned.push({ first, count });
    this.#returned.sort((one, other) => one.first - other.first);
    for (let last = this.#returned.at(-1); last !== undefined && last.first + last.count === this.#next; ) {
      this.#next = last.first;
      this.#returned.pop();
      last = this.#returned.at(-1);
    }
    // What a later one was used behind stays a gap: it was published, and nobody got it. Nothing is remembered of it.
    if (this.#returned.length > 64) this.#returned.shift();
  }
}
