import { BelfryError, inject, Requester } from 'belfry';
import { type Airport, LookupAirport } from './contracts.js';

/** Asks `airports` about each airport once, and remembers the answer: there are far more flights than airports. */
export class KnownAirports {
  readonly #answers = new Map<string, Promise<Airport | undefined>>();

  constructor(@inject(Requester) private readonly requester: Requester) {}

  /** Resolves with `undefined` when there is no such airport, or when nobody can say just now. */
  find(code: string): Promise<Airport | undefined> {
    const answer = this.#answers.get(code) ?? this.#ask(code);
    this.#answers.set(code, answer);
    return answer;
  }

  async #ask(code: string): Promise<Airport | undefined> {
    try {
      return await this.requester.request(LookupAirport, { code });
    } catch (error) {
      if (LookupAirport.isError(error, 'UNKNOWN_AIRPORT')) return undefined; // an answer like any other
      this.#answers.delete(code); // none: whoever wants to know it next asks again
      if (BelfryError.is(error)) return undefined; // NO_RESPONDERS, REQUEST_TIMEOUT: no flight waits for a name
      throw error;
    }
  }
}
