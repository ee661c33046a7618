import { inject, Subscribe } from 'belfry';
import { FlightDelayed, FlightDeparted } from './contracts.js';
import { KnownAirports } from './known-airports.js';
import { Screen } from './screen.js';

/** What there is to see. */
export interface BoardView {
  /** Newest first. */
  readonly latest: readonly FlightDeparted[];
  /** The longest delays so far, longest first. */
  readonly longest: readonly FlightDelayed[];
  /** The flights that `delays` has told of. */
  readonly delayed: ReadonlySet<number>;
  readonly departures: number;
  /** By code, as far as `airports` has told them. */
  readonly airportNames: ReadonlyMap<string, string>;
}

const LATEST = 9;
const LONGEST = 4;

/** Keeps the departure board. A broadcast: however many boards there are, each of them shows every flight. */
export class Board implements BoardView {
  latest: FlightDeparted[] = [];
  longest: FlightDelayed[] = [];
  readonly delayed = new Set<number>();
  departures = 0;
  readonly airportNames = new Map<string, string>();

  constructor(
    @inject(Screen) private readonly screen: Screen,
    @inject(KnownAirports) private readonly airports: KnownAirports,
  ) {}

  /** Many at a time, so that a flight whose airports are being asked about holds up no other. */
  @Subscribe(FlightDeparted, { broadcast: true, concurrency: 500 })
  async onDeparted(flight: FlightDeparted): Promise<void> {
    this.latest = [flight, ...this.latest].slice(0, LATEST);
    this.departures += 1;
    this.screen.show(this); // at once: the names follow
    await Promise.all([this.#learnName(flight.origin), this.#learnName(flight.destination)]);
  }

  @Subscribe(FlightDelayed, { broadcast: true })
  onDelayed(flight: FlightDelayed): void {
    this.delayed.add(flight.flight);
    this.longest = [...this.longest, flight].sort((a, b) => b.delayMinutes - a.delayMinutes).slice(0, LONGEST);
    this.screen.show(this);
  }

  async #learnName(code: string): Promise<void> {
    const airport = await this.airports.find(code);
    if (airport !== undefined) this.airportNames.set(code, airport.name);
  }
}
