import type { AirportTraffic, BoardView } from './board.js';
import type { FlightDelayed, FlightDeparted } from './contracts.js';
import { project } from './projection.js';

/** What the page is told of a flight. The airports are codes. */
export interface FlightOnPage {
  readonly flight: number;
  readonly departedAt: string;
  readonly origin: string;
  readonly destination: string;
  readonly delayMinutes: number;
  /** `delays` has told of it. */
  readonly isLongDelay: boolean;
}

/** What the page is told of an airport. Without a name it is not known yet; without x and y it is not on the map. */
export interface AirportOnPage {
  readonly code: string;
  readonly name?: string;
  readonly city?: string;
  readonly state?: string;
  readonly x?: number;
  readonly y?: number;
  readonly departures: number;
  readonly delayed: number;
}

/** The board as the page gets it, as JSON. */
export interface BoardOnPage {
  readonly departures: number;
  readonly delayed: number;
  /** Newest first. */
  readonly latest: readonly FlightOnPage[];
  /** Longest first. */
  readonly longest: readonly FlightOnPage[];
  /** All of them in a snapshot, those that have changed in an update. */
  readonly airports: readonly AirportOnPage[];
}

/** Knows what was told of the board, and so what is new. */
export class BoardChanges {
  #told: ReadonlyMap<string, AirportTraffic> = new Map();
  #departures = 0;

  /** Everything. */
  snapshot(view: BoardView): BoardOnPage {
    return { ...figuresOf(view), airports: Array.from(view.airports, airportOnPage) };
  }

  /** What has changed since the last time; `undefined` when that cannot be said, because the board has begun anew. */
  update(view: BoardView): BoardOnPage | undefined {
    const [told, departures] = [this.#told, this.#departures];
    this.#told = new Map(view.airports);
    this.#departures = view.departures;
    if (view.departures < departures) return undefined;
    // The board never changes what it knows of an airport, it replaces it.
    const changed = Array.from(view.airports).filter(([code, traffic]) => told.get(code) !== traffic);
    return { ...figuresOf(view), airports: changed.map(airportOnPage) };
  }
}

const figuresOf = ({ departures, delayed, latest, longest }: BoardView): Omit<BoardOnPage, 'airports'> => ({
  departures,
  delayed: delayed.size,
  latest: latest.map((flight) => flightOnPage(flight, delayed.has(flight.flight))),
  longest: longest.map((flight) => flightOnPage(flight, true)),
});

const flightOnPage = (
  { flight, departedAt, origin, destination, delayMinutes }: FlightDeparted | FlightDelayed,
  isLongDelay: boolean,
): FlightOnPage => ({ flight, departedAt, origin, destination, delayMinutes, isLongDelay });

function airportOnPage([code, { airport, departures, delayed }]: [string, AirportTraffic]): AirportOnPage {
  if (airport === undefined) return { code, departures, delayed };
  const { name, city, state, latitude, longitude } = airport;
  const point = project(latitude, longitude);
  return {
    code,
    name,
    city,
    state,
    ...(point && { x: Math.round(point.x), y: Math.round(point.y) }),
    departures,
    delayed,
  };
}
