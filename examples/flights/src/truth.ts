import { readFileSync } from 'node:fs';

/** How many, by airport and day: `ORD 2001-01-05`. */
export type AirportDays = Readonly<Record<string, number>>;

export type EventName = 'flights.departed' | 'flights.delayed';

/** What a replay without any fault amounts to. */
export interface Truth {
  /** Which flights each event must have been published for. */
  readonly flights: Readonly<Record<EventName, ReadonlySet<number>>>;
  /** How many flights that are. */
  readonly airportDays: Readonly<Record<EventName, AirportDays>>;
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
  const departedOn: Record<string, number> = {};
  const delayedOn: Record<string, number> = {};
  const departures: Record<string, number[]> = {};
  let flight = 0;
  for (const { date, delay, origin } of records) {
    flight += 1;
    const [year, month, day] = date.slice(0, 10).split('/');
    const key = `${origin} ${year}-${month}-${day}`;
    departedOn[key] = (departedOn[key] ?? 0) + 1;
    departed.add(flight);
    departures[origin] ??= [];
    departures[origin].push(flight);
    if (delay < 60) continue;
    delayedOn[key] = (delayedOn[key] ?? 0) + 1;
    delayed.add(flight);
  }
  return {
    flights: { 'flights.departed': departed, 'flights.delayed': delayed },
    airportDays: { 'flights.departed': departedOn, 'flights.delayed': delayedOn },
    departures,
  };
}
