/**
 * In whose name a worker holds what it is given. When an answer is lost, it may hold what it does not know of. So it ends its term: it goes on
 * under another name, and asks what is held in the former ones, until it has heard.
 */
export class Terms {
  readonly #instance: string;
  readonly #resumedAt: (() => number) | undefined;
  #term = 0;
  #former: readonly string[] = [];
  /** When the connection had last come back, as of the last call, and as of the last answer to this term; absent: there was none. */
  #calledAt: number | undefined;
  #answeredAt: number | undefined;

  /** @param resumedAt when the connection to the broker last came back; absent: it does not break */
  constructor(instance: string, resumedAt?: () => number) {
    this.#instance = instance;
    this.#resumedAt = resumedAt;
  }

  /** The name of this term. */
  get holder(): string {
    return `${this.#instance}.${this.#term}`;
  }

  /** Names in which something may be held, although the worker does not know of it. */
  get former(): readonly string[] {
    return this.#former;
  }

  /** A call is about to be made: `holder` and `former` are looked at only after this. */
  calling(): void {
    this.#calledAt = this.#resumedAt?.();
    // A broker that was away may be back as it was earlier, with things in the name of this term that are long settled.
    if (this.#answeredAt !== undefined && this.#answeredAt !== this.#calledAt) this.end();
  }

  /** The call was answered, and whatever was held in the names of which it asked with it. */
  answered(asked: readonly string[] = []): void {
    this.#answeredAt = this.#calledAt;
    this.#former = this.#former.filter((holder) => !asked.includes(holder));
  }

  /** The answer was lost: what the call may have given is held in a name that is not used again. */
  end(): void {
    this.#former = [...this.#former, this.holder];
    this.#term++;
    this.#answeredAt = undefined;
  }

  /** The broker has answered, with a no: nothing will be given late. What was done before the no it is asked with the next call. */
  doubt(): void {
    if (!this.#former.includes(this.holder)) this.#former = [...this.#former, this.holder];
  }
}
