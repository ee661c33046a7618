import type { MemoryTransportOptions } from 'belfry';
import type { AirportDays } from './truth.js';

/**
 * The Redis hash in which `statistics` counts the long delays by airport and day. It has the event's channel for a hash tag: on a Cluster
 * it lies in the slot of the event's log, as everything must that is committed with an event.
 */
export const delayCountsKey = (channel: string): string => `{${channel}}:counts`;

/** Takes the place of that hash where there is no Redis. */
export class DelayCountsInMemory {
  readonly #counts: Record<string, number> = {};

  /** Does what Redis does with the command that `statistics` commits. */
  readonly onCommit: MemoryTransportOptions['onCommit'] = (commands) => {
    for (const [name = '', _key, day = '', by] of commands) {
      if (name !== 'HINCRBY') throw new Error(`Only HINCRBY is known here, not ${name}.`);
      this.#counts[day] = (this.#counts[day] ?? 0) + Number(by);
    }
  };

  read(): AirportDays {
    return { ...this.#counts };
  }
}
