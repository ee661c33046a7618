import { inject, Subscribe } from 'belfry';
import { FlightDelayed, FlightDeparted } from './contracts.js';
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
}

const LATEST = 9;
const LONGEST = 4;

/** Keeps the departure board. A broadcast: however many boards there are, each of them shows every flight. */
export class Board implements BoardView {
  latest: FlightDeparted[] = [];
  longest: FlightDelayed[] = [];
  readonly delayed = new Set<number>();
  departures = 0;

  constructor(@inject(Screen) private readonly screen: Screen) {}

  @Subscribe(FlightDeparted, { broadcast: true })
  onDeparted(flight: FlightDeparted): void {
    this.latest = [flight, ...this.latest].slice(0, LATEST);
    this.departures += 1;
    this.screen.show(this);
  }

  @Subscribe(FlightDelayed, { broadcast: true })
  onDelayed(flight: FlightDelayed): void {
    this.delayed.add(flight.flight);
    this.longest = [...this.longest, flight].sort((a, b) => b.delayMinutes - a.delayMinutes).slice(0, LONGEST);
    this.screen.show(this);
  }
}
