import type { JournalEntry } from './journal.js';
import type { AirportDays, Truth } from './truth.js';

type EventName = keyof Truth['flights'];

/** What each service has to do with the two events. */
const duties: Record<string, { readonly publishes?: EventName; readonly handles: readonly EventName[] }> = {
  feed: { publishes: 'flights.departed', handles: [] },
  delays: { publishes: 'flights.delayed', handles: ['flights.departed'] },
  statistics: { handles: ['flights.departed', 'flights.delayed'] },
  board: { handles: ['flights.departed', 'flights.delayed'] },
};

/** How one service did. Replicas are one service. */
export interface ServiceResult {
  readonly service: string;
  readonly published: number;
  readonly handled: number;
  /** Published, and never handled. */
  readonly missed: number;
  /** Handled more than once. */
  readonly twice: number;
}

export interface CheckResult {
  readonly services: readonly ServiceResult[];
  /** In words; empty when everything is as it must be. */
  readonly problems: readonly string[];
}

/** Compares what the services did, and what they counted, with the truth. */
export function check(truth: Truth, journal: readonly JournalEntry[], airportDays: AirportDays): CheckResult {
  const problems: string[] = [];
  const find = (flights: readonly number[], problem: string): number => {
    if (flights.length > 0) problems.push(`${problem}: ${flights.join(' ')}`);
    return flights.length;
  };
  const flightsOf = (service: string, did: JournalEntry['did'], event: EventName): number[] =>
    journal
      .filter((entry) => entry.service === service && entry.did === did && entry.event === event)
      .map(({ flight }) => flight);

  const published = new Map<EventName, ReadonlySet<number>>();
  for (const [service, { publishes }] of Object.entries(duties)) {
    if (publishes === undefined) continue;
    const flights = flightsOf(service, 'published', publishes);
    published.set(publishes, new Set(flights));
    find(without(truth.flights[publishes], new Set(flights)), `${service} did not publish ${publishes}`);
    find(without(flights, truth.flights[publishes]), `${service} published ${publishes}, which the file does not say`);
    find(repeated(flights), `${service} published ${publishes} twice`);
  }
  const services = Object.entries(duties).map(([service, { publishes, handles }]) => {
    const result = {
      service,
      published: publishes ? published.get(publishes)!.size : 0,
      handled: 0,
      missed: 0,
      twice: 0,
    };
    for (const event of handles) {
      const flights = flightsOf(service, 'handled', event);
      result.handled += flights.length;
      result.missed += find(without(published.get(event)!, new Set(flights)), `${service} missed ${event}`);
      result.twice += find(repeated(flights), `${service} handled ${event} twice`);
      find(without(flights, published.get(event)!), `${service} handled ${event}, which nobody published`);
    }
    return result;
  });
  return { services, problems: [...problems, ...differences(truth.airportDays, airportDays)] };
}

/** How many entries a journal without any fault has. */
export const expectedEntries = ({ flights }: Truth): number =>
  Object.values(duties)
    .flatMap(({ publishes, handles }) => (publishes === undefined ? handles : [publishes, ...handles]))
    .reduce((sum, event) => sum + flights[event].size, 0);

function differences(truth: AirportDays, counted: AirportDays): string[] {
  const say = (days: AirportDays, key: string): string =>
    `${days[key]?.departed ?? 0} departed, ${days[key]?.delayed ?? 0} delayed`;
  const different = Object.keys({ ...truth, ...counted }).filter((key) => say(truth, key) !== say(counted, key));
  return different.length === 0
    ? []
    : [
        `statistics counted wrong on ${different.length} airport days, first ${different[0]}: ${say(counted, different[0]!)}; the file says ${say(truth, different[0]!)}`,
      ];
}

const without = (flights: Iterable<number>, others: ReadonlySet<number>): number[] =>
  [...new Set(flights)].filter((flight) => !others.has(flight));

function repeated(flights: readonly number[]): number[] {
  const once = new Set<number>();
  const again = new Set<number>();
  for (const flight of flights) (once.has(flight) ? again : once).add(flight);
  return [...again];
}
