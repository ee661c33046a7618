import { type MessageContext, Subscribe } from 'belfry';
import { FlightDelayed, FlightDeparted } from './contracts.js';

interface Count {
  departed: number;
  delayed: number;
}

/** Counts departures and long delays per airport and day. */
export class Statistics {
  /** By airport and day: `ORD 2001-01-05`. */
  readonly airportDays: Record<string, Count> = {};

  /** Two contracts, one method: `type` tells which of them it is. */
  @Subscribe([FlightDeparted, FlightDelayed])
  count(
    { origin, departedAt }: FlightDeparted | FlightDelayed,
    { type }: MessageContext<typeof FlightDeparted | typeof FlightDelayed>,
  ): void {
    const key = `${origin} ${departedAt.slice(0, 10)}`;
    this.airportDays[key] ??= { departed: 0, delayed: 0 };
    this.airportDays[key][type === 'flights.delayed' ? 'delayed' : 'departed'] += 1;
  }
}
