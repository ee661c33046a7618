/**
 * What is on its way, by its id. No `Map`: V8 leaves a pointer from each outgrown table of a map to the next, and a map that much is put into and
 * taken out of outgrows its tables all the time. Once one of them is in the old generation, everything that was ever in the map is kept until all of
 * the heap is collected, which took more time than everything else about a request.
 */
export class Pending<T> {
  readonly #byId: Record<string, T> = Object.create(null) as Record<string, T>;
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  get(id: string): T | undefined {
    return this.#byId[id];
  }

  /** @param id of nothing that is in it already */
  add(id: string, item: T): void {
    this.#byId[id] = item;
    this.#size++;
  }

  delete(id: string): void {
    if (this.#byId[id] === undefined) return;
    delete this.#byId[id];
    this.#size--;
  }

  /** In the order in which they came: a copy. */
  values(): T[] {
    return Object.values(this.#byId);
  }
}
