import {
  ContainerModule,
  createService,
  Logger,
  type Service,
  type ServiceOptions,
  type TransportFactory,
} from 'belfry';
import { Airports } from './airports.js';
import { Board } from './board.js';
import { FlightDelayed, FlightDeparted, LookupAirport } from './contracts.js';
import { Delays, WorkTime } from './delays.js';
import { type JournalEntry, journal } from './journal.js';
import { KnownAirports } from './known-airports.js';
import { openScreen } from './open-screen.js';
import { pageAddressFrom } from './page-address.js';
import type { PageAddress } from './page-server.js';
import { Screen } from './screen.js';
import { Statistics } from './statistics.js';

/** What each service handles, and what it publishes and asks. The feed handles nothing. */
export const roles = {
  // It begins when somebody answers LookupAirport: to know that takes the rights to ask.
  feed: { handlers: [], emits: [FlightDeparted, LookupAirport] },
  airports: { handlers: [Airports], emits: [] },
  delays: { handlers: [Delays], emits: [FlightDelayed, LookupAirport] },
  statistics: { handlers: [Statistics], emits: [] },
  board: { handlers: [Board], emits: [LookupAirport] },
} satisfies Record<string, Pick<ServiceOptions, 'handlers' | 'emits'>>;

export type ServiceName = keyof typeof roles;

export const isServiceName = (name: string): name is ServiceName => Object.hasOwn(roles, name);

/** What the demo runs. What is there twice are replicas: they share the work. */
export const fleet: readonly ServiceName[] = [
  'feed',
  'airports',
  'airports',
  'delays',
  'delays',
  'statistics',
  'statistics',
  'board',
];

/** What all services of a run have in common. */
export interface Setting {
  /** Default: `BELFRY_URL`. */
  readonly url?: string;
  /** Instead of a URL. */
  readonly transport?: TransportFactory;
  /** Default: `BELFRY_NAMESPACE`. */
  readonly namespace?: string;
  readonly workTimeMs: number;
  /** Where the board has its page. Default: as `BOARD_PORT` and `BOARD_HOST` say, and none without them. */
  readonly page?: PageAddress;
  readonly write?: (entry: JournalEntry) => void;
}

/** How a service is put together. */
export function flightServiceOptions(
  name: ServiceName,
  { url, transport, namespace, workTimeMs, page = pageAddressFrom(process.env), write }: Setting,
): ServiceOptions {
  return {
    name,
    ...roles[name],
    modules: [
      new ContainerModule(({ bind }) => {
        bind(WorkTime).toConstantValue(workTimeMs);
        bind(KnownAirports).toSelf().inSingletonScope();
        bind(Screen)
          .toDynamicValue(({ get }) => openScreen(process.stdout, page, get(Logger)))
          .inSingletonScope()
          .onDeactivation((screen) => screen.done()); // when the service has stopped
      }),
    ],
    middleware: write === undefined ? [] : [journal(write)],
    url,
    transport,
    namespace,
    // The board owns the terminal: say LOG_LEVEL=info to see the services start and stop all the same.
    env: { LOG_LEVEL: 'warn', ...process.env },
  };
}

export const createFlightService = (name: ServiceName, setting: Setting): Service =>
  createService(flightServiceOptions(name, setting));
