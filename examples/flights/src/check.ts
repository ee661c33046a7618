import type { FlightDeparted } from './contracts.js';
import type { Journal, JournalEntry } from './journal.js';
import { type Evidence, LISTED_AIRPORT } from './run.js';
import { fleet } from './services.js';
import type { AirportDays, EventName, Truth } from './truth.js';

interface Duty {
  readonly publishes?: EventName;
  readonly handles: readonly EventName[];
  /** Every instance handles all of it; else the instances share it. */
  readonly broadcast?: true;
  /** What it has counted of this says that it was handled, also where a process was killed before it could write that down. */
  readonly commits?: EventName;
}

/** What each service has to do with the two events. */
const duties: Record<string, Duty> = {
  feed: { publishes: 'flights.departed', handles: [] },
  airports: { handles: ['flights.departed'], broadcast: true },
  delays: { publishes: 'flights.delayed', handles: ['flights.departed'] },
  statistics: { handles: ['flights.departed', 'flights.delayed'], commits: 'flights.delayed' },
  board: { handles: ['flights.departed', 'flights.delayed'], broadcast: true },
  demo: { handles: [] },
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
  /** Handled at a later attempt than the first, which did not come to its end: at least once, as durable events are. */
  readonly retried: number;
  /** Requests to other services. */
  readonly asked: number;
  /** Requests of other services. */
  readonly answered: number;
}

export interface CheckResult {
  readonly services: readonly ServiceResult[];
  /** In words; empty when everything is as it must be. */
  readonly problems: readonly string[];
}

/** Compares what the services did, counted and answered with the truth. */
export function check(truth: Truth, { journals, airportDays, departures }: Evidence): CheckResult {
  const problems = journals.flatMap(({ death }) => death ?? []);
  const find = (flights: readonly number[], problem: string): number => {
    if (flights.length > 0) problems.push(`${problem}: ${flights.join(' ')}`);
    return flights.length;
  };
  const journalsOf = (service: string): Journal[] => journals.filter((journal) => journal.service === service);

  const miscounts = {
    'flights.departed': miscounted('flights.departed', truth, airportDays),
    'flights.delayed': miscounted('flights.delayed', truth, airportDays),
  };
  const published = new Map<EventName, ReadonlySet<number>>();
  for (const [service, { publishes }] of Object.entries(duties)) {
    if (publishes === undefined) continue;
    const flights = flightsIn(journalsOf(service), 'published', publishes);
    published.set(publishes, new Set(flights));
    find(without(truth.flights[publishes], new Set(flights)), `${service} did not publish ${publishes}`);
    find(without(flights, truth.flights[publishes]), `${service} published ${publishes}, which the file does not say`);
    find(repeated(flights), `${service} published ${publishes} twice`);
  }
  const services = Object.entries(duties).map(([service, { publishes, handles, broadcast, commits }]) => {
    const all = journalsOf(service);
    const result = {
      service,
      published: publishes ? published.get(publishes)!.size : 0,
      handled: 0,
      missed: 0,
      twice: 0,
      retried: entriesIn(all, 'handled').filter(({ attempt = 1 }) => attempt > 1).length,
      asked: entriesIn(all, 'asked').length,
      answered: entriesIn(all, 'answered').length,
    };
    // Who must have handled everything: all together, or each alone. A dead one need not: a broadcast reaches the others all the same.
    const handlers = broadcast ? all.filter(({ death }) => death === undefined).map((journal) => [journal]) : [all];
    for (const event of handles) {
      result.handled += flightsIn(all, 'handled', event).length;
      const isProven =
        event === commits && miscounts[event].length === 0 && all.some(({ death }) => death !== undefined);
      for (const handler of handlers) {
        const flights = flightsIn(handler, 'handled', event);
        const unwritten = without(published.get(event)!, new Set(flights));
        if (isProven) result.handled += unwritten.length;
        else result.missed += find(unwritten, `${service} missed ${event}`);
        result.twice += find(repeated(flights), `${service} handled ${event} twice`);
        find(without(flights, published.get(event)!), `${service} handled ${event}, which nobody published`);
      }
    }
    return result;
  });
  problems.push(...unanswered(journals), ...Object.values(miscounts).flat(), ...unlisted(truth, departures));
  return { services, problems };
}

/** How many flights are published and handled when nothing goes wrong. */
export const expectedFlights = ({ flights }: Truth): number =>
  Object.entries(duties)
    .flatMap(([service, { publishes, handles, broadcast }]) => {
      const times = broadcast ? fleet.filter((name) => name === service).length : 1;
      return [...(publishes ? [publishes] : []), ...Array.from({ length: times }, () => handles).flat()];
    })
    .reduce((sum, event) => sum + flights[event].size, 0);

/** Requests that were asked more often than they were answered. */
function unanswered(journals: readonly Journal[]): string[] {
  const requests = new Set(entriesIn(journals, 'asked').map(({ name }) => name));
  const times = (did: JournalEntry['did'], request: string): number =>
    entriesIn(journals, did).filter(({ name }) => name === request).length;
  return [...requests]
    .filter((request) => times('asked', request) !== times('answered', request))
    .map((request) => `${request}: asked ${times('asked', request)} times, answered ${times('answered', request)}`);
}

/** The list must have them all, in their order. */
function unlisted(truth: Truth, departures: readonly FlightDeparted[]): string[] {
  const listed = departures.map(({ flight }) => flight);
  const departed = truth.departures[LISTED_AIRPORT] ?? [];
  return listed.join() === departed.join()
    ? []
    : [
        `airports listed ${listed.length} departures of ${LISTED_AIRPORT}, not the ${departed.length} that the file says`,
      ];
}

const entriesIn = (journals: readonly Journal[], did: JournalEntry['did']): JournalEntry[] =>
  journals.flatMap(({ entries }) => entries.filter((entry) => entry.did === did));

const flightsIn = (journals: readonly Journal[], did: JournalEntry['did'], event: EventName): number[] =>
  entriesIn(journals, did).flatMap(({ name, flight }) => (name === event ? (flight ?? []) : []));

/** @param counted the days that `statistics` counted, of both events */
function miscounted(event: EventName, truth: Truth, counted: Truth['airportDays']): string[] {
  const right: AirportDays = truth.airportDays[event];
  const found: AirportDays = counted[event];
  const [first, ...others] = Object.keys({ ...right, ...found }).filter(
    (day) => (right[day] ?? 0) !== (found[day] ?? 0),
  );
  return first === undefined
    ? []
    : [
        `statistics counted ${event} wrong on ${others.length + 1} airport days, first ${first}: ${found[first] ?? 0}; the file says ${right[first] ?? 0}`,
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
