import type { JournalEntry } from './journal.js';

/** Collects what the services did. */
export class Tally {
  readonly entries: JournalEntry[] = [];
  #changed = (): void => {};

  readonly add = (entry: JournalEntry): void => {
    this.entries.push(entry);
    this.#changed();
  };

  /** Resolves once there are so many entries; or once nothing has come for a while, so that a loss is no endless wait. */
  settled(expected: number, quietMs: number): Promise<void> {
    return new Promise((resolve) => {
      const quiet = setTimeout(resolve, quietMs);
      this.#changed = () => {
        quiet.refresh();
        if (this.entries.length < expected) return;
        clearTimeout(quiet);
        resolve();
      };
      this.#changed();
    });
  }
}
