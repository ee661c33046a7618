import type { Delivery, Settlement } from './delivery.js';

/** A delivery in the hands of a worker. */
export interface Held extends Delivery {
  /** Aborts when it belongs to somebody else by now, or the time for draining is over. Made when it is first asked for. */
  readonly signal: AbortSignal;
  /** Acknowledges it now, together with commands. Rejects when it is not its own any more, or the commands are refused. */
  commit(
    commands: readonly (readonly string[])[],
    once: { messageId: string; window: number } | undefined,
  ): Promise<void>;
}

/** Acknowledges a delivery together with commands. */
export type Commit = (
  held: HeldDelivery,
  commands: readonly (readonly string[])[],
  once: { messageId: string; window: number } | undefined,
) => Promise<void>;

/** {@link Held}, as its worker knows it. */
export class HeldDelivery implements Held {
  readonly id: string;
  readonly body: string;
  readonly key: string | undefined;
  readonly token: number;
  readonly attempt: number;
  /** The broker knows nothing of it any more. */
  orphaned = false;
  /** A commit is under way. */
  isCommitting = false;
  /** What is to become of it when that is refused: the handler did not wait, or the time for draining was over. */
  afterwards: Settlement | undefined;
  readonly #commit: Commit;
  #abort: AbortController | undefined;
  #reason: unknown;

  constructor({ id, body, key, token, attempt }: Delivery, commit: Commit) {
    this.id = id;
    this.body = body;
    this.key = key;
    this.token = token;
    this.attempt = attempt;
    this.#commit = commit;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
    }
    return this.#abort.signal;
  }

  commit(...args: Parameters<Held['commit']>): Promise<void> {
    return this.#commit(this, ...args);
  }

  abort(reason: unknown): void {
    this.#reason ??= reason;
    this.#abort?.abort(reason);
  }
}
