import { inject, Subscribe } from 'belfry';
import { type Airport, FlightDelayed, FlightDeparted } from './contracts.js';
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
  /** By code: every airport that a flight has left or goes to. */
  readonly airports: ReadonlyMap<string, AirportTraffic>;
}

/** What is known of an airport, and what has left it. */
export interface AirportTraffic {
  /** Absent until `airports` has told it, or when it cannot. */
  readonly airport: Airport | undefined;
  readonly departures: number;
  /** Long delays of flights from there. */
  readonly delayed: number;
}

const LATEST = 20;
const LONGEST = 8;
const UNKNOWN: AirportTraffic = { airport: undefined, departures: 0, delayed: 0 };

/** Keeps the departure board. A broadcast: however many boards there are, each of them shows every flight. */
export class Board implements BoardView {
  latest: FlightDeparted[] = [];
  longest: FlightDelayed[] = [];
  readonly delayed = new Set<number>();
  departures = 0;
  readonly airports = new Map<string, AirportTraffic>();

  constructor(
    @inject(Screen) private readonly screen: Screen,
    @inject(KnownAirports) private readonly knownAirports: KnownAirports,
  ) {}

  /** Many at a time, so that a flight whose airports are being asked about holds up no other. */
  @Subscribe(FlightDeparted, { broadcast: true, concurrency: 500 })
  async onDeparted(flight: FlightDeparted): Promise<void> {
    if (flight.flight === 1) this.#clear(); // the feed begins anew
    this.latest = [flight, ...this.latest].slice(0, LATEST);
    this.departures += 1;
    this.#update(flight.origin, ({ departures }) => ({ departures: departures + 1 }));
    this.#update(flight.destination);
    this.screen.show(this); // at once: the names follow
    await Promise.all([this.#learn(flight.origin), this.#learn(flight.destination)]);
  }

  @Subscribe(FlightDelayed, { broadcast: true })
  onDelayed(flight: FlightDelayed): void {
    // At least once: what comes again is no second delay.
    if (this.delayed.has(flight.flight)) return;
    this.delayed.add(flight.flight);
    this.longest = [...this.longest, flight].sort((a, b) => b.delayMinutes - a.delayMinutes).slice(0, LONGEST);
    this.#update(flight.origin, ({ delayed }) => ({ delayed: delayed + 1 }));
    this.screen.show(this);
  }

  async #learn(code: string): Promise<void> {
    const airport = await this.knownAirports.find(code);
    if (airport === undefined || this.airports.get(code)?.airport !== undefined) return;
    this.#update(code, () => ({ airport }));
    this.screen.show(this);
  }

  #update(code: string, change: (before: AirportTraffic) => Partial<AirportTraffic> = () => ({})): void {
    const before = this.airports.get(code) ?? UNKNOWN;
    this.airports.set(code, { ...before, ...change(before) });
  }

  #clear(): void {
    this.latest = [];
    this.longest = [];
    this.delayed.clear();
    this.departures = 0;
    this.airports.clear();
  }
}
