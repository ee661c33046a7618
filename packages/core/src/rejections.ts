import type { Clock } from './clock.js';
import type { Envelope } from './envelope.js';
import type { Logger } from './logger.js';
import { shortened } from './outgoing.js';

/**
 * Why a message did not reach the handler. `unreadable`: it is not an envelope. `tooLarge`: it exceeds the limit.
 * `wrongContract`: another type or version than the channel's contract. `invalid`: its data do not fit the contract's schema.
 */
export type RejectReason = 'unreadable' | 'tooLarge' | 'wrongContract' | 'invalid';

export interface Rejection {
  readonly reason: RejectReason;
  readonly channel: string;
  /** What is wrong, quoting nothing. */
  readonly message: string;
  readonly envelope?: Envelope | undefined;
  /** Where in the data, not what: a schema's words may quote the payload. */
  readonly places?: readonly string[] | undefined;
}

// A flood of garbage must not become a flood of log lines.
const LOG_LINES_PER_SECOND = 10;
// Belfry's own ids have some twenty characters. A stranger's may have a million.
const LONGEST_NAME = 200;
// A full queue has room again after each message that is handled, so "full" comes and goes thousands of times a second.
const CROWDED_LOG_INTERVAL = 10_000;

/** Counts and logs what is not fit to be handled, and logs that there is no room for more. */
export class Rejections {
  readonly counts: Record<RejectReason, number> = { unreadable: 0, tooLarge: 0, wrongContract: 0, invalid: 0 };
  readonly #fields: object;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #window = 0;
  #lines = 0;
  /** What was logged lately of these. */
  readonly #crowded = new Set<string>();

  /** @param fields stand in every line */
  constructor(fields: object, logger: Logger, clock: Clock) {
    this.#fields = fields;
    this.#logger = logger;
    this.#clock = clock;
  }

  add({ reason, channel, message, envelope, places }: Rejection): void {
    this.counts[reason]++;
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#window) {
      this.#window = second;
      this.#lines = 0;
    }
    if (++this.#lines > LOG_LINES_PER_SECOND) return;
    this.#logger.warn(
      {
        ...this.#fields,
        channel,
        reason,
        messageId: envelope && shortened(envelope.id, LONGEST_NAME),
        source: envelope && shortened(envelope.source, LONGEST_NAME),
        places,
        rejected: { ...this.counts },
      },
      `A message was rejected and not handled. ${message}`,
    );
  }

  /** Logs, but the same message only now and then. Of what is dropped in a flood, each calls it: so it asks for no time. */
  crowded(fields: object, message: string): void {
    if (this.#crowded.has(message)) return;
    this.#crowded.add(message);
    this.#clock.after(CROWDED_LOG_INTERVAL, () => this.#crowded.delete(message), 'background');
    this.#logger.warn({ ...this.#fields, ...fields }, message);
  }
}
