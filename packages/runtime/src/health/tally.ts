/** Under what something is counted. */
export interface TallyLabels {
  readonly contract: string;
  readonly group: string;
}

interface Row<Stats> {
  readonly labels: TallyLabels;
  /** Of what is there, by its handle. */
  readonly running: Map<object, Stats>;
  /** Of what has ended, in one: its figures do not change any more, but a counter must not go back. */
  ended: Stats | undefined;
}

/** Sums of the figures of subscriptions and responders, by their labels, of those that have ended too. */
export class Tally<Stats extends object> {
  readonly #rows = new Map<string, Row<Stats>>();

  add(handle: { readonly stats: Stats }, labels: TallyLabels): void {
    const key = JSON.stringify([labels.contract, labels.group]);
    const row = this.#rows.get(key) ?? { labels, running: new Map<object, Stats>(), ended: undefined };
    this.#rows.set(key, row);
    row.running.set(handle, handle.stats);
  }

  /** What was added before and is not among these has ended. */
  keepOnly(handles: readonly object[]): void {
    const there = new Set(handles);
    for (const row of this.#rows.values()) {
      for (const [handle, stats] of row.running) {
        if (there.has(handle)) continue;
        row.running.delete(handle);
        row.ended = row.ended === undefined ? stats : (sumOf(row.ended, stats) as Stats);
      }
    }
  }

  /** Tells each sum. Where there is no such figure, like those of durable events for a transient one, none is told. */
  sum(read: (stats: Stats) => number | undefined, tell: (labels: TallyLabels, sum: number) => void): void {
    for (const { labels, running, ended } of this.#rows.values()) {
      const figures = [...running.values(), ...(ended === undefined ? [] : [ended])]
        .map(read)
        .filter((figure) => figure !== undefined);
      if (figures.length > 0)
        tell(
          labels,
          figures.reduce((sum, figure) => sum + figure),
        );
    }
  }
}

/** Of figures by name, and of groups of them. */
function sumOf(one: object, other: object): object {
  const sum: Record<string, unknown> = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = sum[name];
    if (typeof value === 'number') sum[name] = value + (typeof before === 'number' ? before : 0);
    else if (typeof value === 'object' && value !== null)
      sum[name] = typeof before === 'object' && before !== null ? sumOf(before, value) : { ...value };
  }
  return sum;
}
