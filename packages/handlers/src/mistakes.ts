import { BelfryError, type ErrorCode } from '@belfry/contracts';

/** What is wrong with the handlers of a service: all of it is told at once. */
export class Mistakes {
  readonly #found: BelfryError[] = [];

  add(code: ErrorCode, told: { readonly message: string; readonly hint?: string; readonly cause?: unknown }): void {
    this.#found.push(new BelfryError(code, told));
  }

  /** Takes over what was thrown; one mistake that several handlers share is told once. */
  addThrown(thrown: unknown): void {
    const error = BelfryError.is(thrown)
      ? thrown
      : new BelfryError('SUBSCRIBE_REFUSED', { message: String(thrown), cause: thrown });
    if (!this.#found.some(({ message }) => message === error.message)) this.#found.push(error);
  }

  /** One mistake is thrown as it is; several as one error with the code of the first. */
  throwIfAny(service: string): void {
    const [first, ...others] = this.#found;
    if (first === undefined) return;
    if (others.length === 0) throw first;
    throw new BelfryError(first.code, {
      message: `the handlers of ${service} have ${this.#found.length} mistakes:\n${this.#found.map(({ message }) => `- ${message}`).join('\n')}`,
      cause: new AggregateError(this.#found),
    });
  }
}
