import { type RequestInput, Respond, Subscribe } from 'belfry';
import { FlightDeparted, ListDepartures, LookupAirport } from './contracts.js';
import { readAirports } from './records.js';

/** Answers what the others want to know about airports. Runs twice: each request goes to one of the two, by turn. */
export class Airports {
  readonly #airports = readAirports();
  /** By airport. */
  readonly #departures = new Map<string, FlightDeparted[]>();

  /** A broadcast: each of the two hears of every flight, and so can answer for all of them. */
  @Subscribe(FlightDeparted, { broadcast: true })
  onDeparted(flight: FlightDeparted): void {
    const earlier = this.#departures.get(flight.origin);
    if (earlier) earlier.push(flight);
    else this.#departures.set(flight.origin, [flight]);
  }

  @Respond(LookupAirport)
  lookup({ code }: RequestInput<typeof LookupAirport>) {
    return this.#airports.get(code) ?? LookupAirport.error('UNKNOWN_AIRPORT', { code });
  }

  /** A generator answers with many values: the caller gets them one by one, as fast as it takes them. */
  @Respond(ListDepartures)
  async *departures({ code }: RequestInput<typeof ListDepartures>) {
    if (!this.#airports.has(code)) throw ListDepartures.error('UNKNOWN_AIRPORT', { code });
    yield* this.#departures.get(code) ?? [];
  }
}
