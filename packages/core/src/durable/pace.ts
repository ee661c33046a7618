/** A worker reads ahead as much as it handles in this time, so that it need not wait for each answer… */
const READ_AHEAD_MS = 10;
/** …up to so many, and so many characters. */
const MOST_AHEAD = 256;
const MOST_CHARACTERS_AHEAD = 8_388_608;

/** How fast a worker is: it says how far to read ahead. Slow handlers read nothing ahead, since others may be idle meanwhile. */
export class Pace {
  #meanMs = Number.POSITIVE_INFINITY;
  #meanSize = 1024;
  #isStalled = false;

  /** A delivery has so many characters. */
  took(size: number): void {
    this.#meanSize += (size - this.#meanSize) / 16;
  }

  /** A handler took so many milliseconds. */
  handled(milliseconds: number): void {
    this.#isStalled = false;
    const isFirst = this.#meanMs === Number.POSITIVE_INFINITY;
    this.#meanMs = isFirst ? milliseconds : this.#meanMs + (milliseconds - this.#meanMs) / 8;
  }

  /** Its handlers take longer than those before them: until one of them is done, nothing is read ahead. */
  stalled(): void {
    this.#isStalled = true;
  }

  /** How many to have in hand beyond those that are being handled. */
  ahead(concurrency: number): number {
    if (this.#isStalled) return 0;
    const handled = Math.floor((concurrency * READ_AHEAD_MS) / Math.max(this.#meanMs, 0.01));
    return Math.min(MOST_AHEAD, handled, Math.floor(MOST_CHARACTERS_AHEAD / this.#meanSize));
  }
}
