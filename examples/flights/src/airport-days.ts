import type { FlightDelayed, FlightDeparted } from './contracts.js';
import type { AirportDays } from './truth.js';

/** The day and airport that a flight counts for: `ORD 2001-01-05`. */
export const airportDay = ({ origin, departedAt }: FlightDeparted | FlightDelayed): string =>
  `${origin} ${departedAt.slice(0, 10)}`;

/** What several have counted, together. */
export function sumOf(parts: readonly AirportDays[]): AirportDays {
  const sum: Record<string, number> = {};
  for (const [day, count] of parts.flatMap(Object.entries<number>)) sum[day] = (sum[day] ?? 0) + count;
  return sum;
}
