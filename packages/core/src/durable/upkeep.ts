import type { Clock } from '../clock.js';
import type { Logger } from '../logger.js';
import type { Durability, GroupState, Keep } from './durability.js';

/** A log is looked after at most so often by one instance. */
const INTERVAL_MS = 10_000;
/** A group that holds entries back and has not asked for work for so long is told of, and so often. */
const FORGOTTEN_MS = 3_600_000;

/** Looks after the logs that a bus works with: has them trimmed, and warns of groups that seem to be forgotten. */
export class Upkeep {
  readonly #durable: Durability | undefined;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #tendedAt = new Map<string, number>();
  readonly #warnedAt = new Map<string, number>();

  constructor(durable: Durability | undefined, logger: Logger, clock: Clock) {
    this.#durable = durable;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Does so when it is time. Returns at once; what goes wrong is tried again the next time. */
  tend(channel: string, keep: Keep): void {
    const now = this.#clock.now();
    if (now - (this.#tendedAt.get(channel) ?? Number.NEGATIVE_INFINITY) < INTERVAL_MS) return;
    this.#tendedAt.set(channel, now);
    this.#durable?.tend(channel, keep).then(
      (groups) => {
        for (const state of groups) this.#look(channel, state);
      },
      (error: unknown) => this.#logger.debug({ channel, err: error }, 'A log could not be looked after.'),
    );
  }

  #look(channel: string, { group, idle, lag, pending, oldestAge }: GroupState): void {
    if (idle < FORGOTTEN_MS || lag + pending === 0) return;
    const key = `${channel} ${group}`;
    const now = this.#clock.now();
    if (now - (this.#warnedAt.get(key) ?? Number.NEGATIVE_INFINITY) < FORGOTTEN_MS) return;
    this.#warnedAt.set(key, now);
    this.#logger.warn(
      { channel, group, idleMs: idle, waiting: lag + pending, oldestAgeMs: oldestAge },
      'Nobody works for a group, and the log keeps everything for it. If it is forgotten, remove it: bus.inspect(contract).removeGroup(name).',
    );
  }
}
