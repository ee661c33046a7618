import { readFileSync } from 'node:fs';

/** Departures and long delays by airport and day: `ORD 2001-01-05`. */
export type AirportDays = Readonly<Record<string, { readonly departed: number; readonly delayed: number }>>;

/** What a replay without any fault amounts to. */
export interface Truth {
  /** Which flights each event must have been published for. */
  readonly flights: Readonly<Record<'flights.departed' | 'flights.delayed', ReadonlySet<number>>>;
  readonly airportDays: AirportDays;
  /** The flights by airport of origin. */
  readonly departures: Readonly<Record<string, readonly number[]>>;
}

/**
 * Computes it straight from the data file. Shares no code with the services, and none with Belfry: a mistake there cannot
 * make itself true here.
 */
export function computeTruth(): Truth {
  const file = new URL('../data/flights-5k.json', import.meta.url);
  const records = JSON.parse(readFileSync(file, 'utf8')) as { date: string; delay: number; origin: string }[];
  const departed = new Set<number>();
  const delayed = new Set<number>();
  const airportDays: Record<string, { departed: number; delayed: number }> = {};
  const departures: Record<string, number[]> = {};
  let flight = 0;
  for (const { date, delay, origin } of records) {
    flight += 1;
    const [year, month, day] = date.slice(0, 10).split('/');
    const key = `${origin} ${year}-${month}-${day}`;
    airportDays[key] ??= { departed: 0, delayed: 0 };
    airportDays[key].departed += 1;
    departed.add(flight);
    departures[origin] ??= [];
    departures[origin].push(flight);
    if (delay < 60) continue;
    airportDays[key].delayed += 1;
    delayed.add(flight);
  }
  return { flights: { 'flights.departed': departed, 'flights.delayed': delayed }, airportDays, departures };
}
