/** So many names of contracts are told apart. Channels may be made as a program runs, and a monitoring system keeps every name for ever. */
const MOST = 500;

/** Names for a label, as many as there are room for; the later ones are one and the same. */
export class BoundedLabels {
  readonly #known = new Set<string>();

  bound(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= MOST) return '(other)';
    this.#known.add(name);
    return name;
  }
}
