import { Journal } from './journal.js';

/** Keeps the journals of all instances, and knows when they are full. */
export class Tally {
  readonly journals: Journal[] = [];
  #flights = 0;
  #changed = (): void => {};

  /** Begins the journal of an instance. */
  journalOf(service: string): Journal {
    const journal = new Journal(service, ({ flight }) => {
      if (flight !== undefined) this.#flights += 1;
      this.#changed();
    });
    this.journals.push(journal);
    return journal;
  }

  /**
   * Resolves once so many flights were published or handled; or once nothing has come for a while, so that a loss is no endless wait.
   * Requests are not counted: how many there will be, nobody can know.
   */
  settled(flights: number, quietMs: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#changed = () => {}; // what still comes must not wind up the timer again
        clearTimeout(quiet);
        resolve();
      };
      const quiet = setTimeout(settle, quietMs);
      this.#changed = () => {
        if (this.#flights < flights) quiet.refresh();
        else settle();
      };
      this.#changed();
    });
  }
}
