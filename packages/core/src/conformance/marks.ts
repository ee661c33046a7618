import type { EventContract, EventInput } from '@belfry/contracts';
import type { Publisher } from '../publisher.js';
import type { Numbered } from './contracts.js';
import { until } from './waiting.js';

const MARK = -1;

/**
 * Proves that nothing more arrives. Marks that are published now come after everything that the same publisher published on the
 * channel before: once a subscriber has one, it has all that it will ever get of it.
 */
export class Marks {
  readonly #of: readonly Inboxed[];

  constructor(...inboxes: readonly Inboxed[]) {
    this.#of = inboxes;
  }

  /** Publishes marks, each with another key, until every inbox has a new one. */
  // biome-ignore lint/suspicious/noExplicitAny: a contract's key function is contravariant in its schema
  async pass<C extends EventContract<string, any>>(publisher: Publisher, contract: C): Promise<void> {
    const before = this.#of.map(marksIn);
    const lacking = () => this.#of.filter((inbox, index) => marksIn(inbox) === before[index]);
    let sent = 0;
    const publish = () => {
      const data = { n: MARK, key: `mark ${sent++}` } as EventInput<C>;
      publisher.publish(contract, data).catch(() => {});
      return lacking().length === 0;
    };
    await until(publish, () => `a mark of ${sent} in ${lacking().length} more inboxes`);
  }
}

interface Inboxed {
  readonly data: readonly Numbered[];
}

const marksIn = ({ data }: Inboxed): number => data.reduce((count, { n }) => count + (n === MARK ? 1 : 0), 0);

/** What an inbox has taken, without the marks. */
export const unmarked = ({ data }: Inboxed): number[] => data.map(({ n }) => n).filter((n) => n !== MARK);
