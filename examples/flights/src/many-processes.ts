import { randomBytes } from 'node:crypto';
import { createBus, redisTransport, silentLogger } from 'belfry';
import { sumOf } from './airport-days.js';
import { ListDepartures } from './contracts.js';
import { listDepartures } from './departures.js';
import { journal } from './journal.js';
import { type Evidence, LISTED_AIRPORT, QUIET_MS, type RunOptions, unlessAborted } from './run.js';
import { type Program, ServiceProcess } from './service-process.js';
import { fleet, type ServiceName } from './services.js';
import { Tally } from './tally.js';
import { Traces } from './traces.js';

/** Who may do in a namespace what it must; nobody has to be able to do more. Returns the URL of each, the demo among them. */
export type Admit = (namespace: string) => Promise<(name: ServiceName | 'demo') => string>;

/**
 * Runs every service in a process of its own, over Redis. What each of them does comes back over a pipe to its process.
 * @param redisUrl of somebody who may do everything: in the end what was left behind is removed
 * @param admit default: everybody may
 * @param program what a process runs; default: service.ts
 */
export async function runInProcesses(
  redisUrl: string,
  options: RunOptions,
  admit: Admit = async () => () => redisUrl,
  program?: Program,
): Promise<Evidence> {
  const { seconds, workTimeMs, page, expectedFlights, signal } = options;
  // A namespace of its own, so that two runs on one Redis do not meet.
  const namespace = `flights-${randomBytes(4).toString('hex')}`;
  const urlOf = await admit(namespace);
  const tally = new Tally();
  // To ask, a bus is enough.
  await using bus = createBus({
    name: 'demo',
    namespace,
    transport: redisTransport({ url: urlOf('demo'), subscribePatience: '2s' }),
    emits: [ListDepartures],
    middleware: [journal(tally.journalOf('demo').write)],
    logger: silentLogger,
  });
  // Whether Redis is there is found out once, not by every process for itself.
  await bus.open();
  await using traces = new Traces(redisUrl, namespace);
  const args = ['--seconds', `${seconds}`, '--work', `${workTimeMs}`];
  const envOf = (name: ServiceName) => ({
    BELFRY_URL: urlOf(name),
    BELFRY_NAMESPACE: namespace,
    ...(page && { BOARD_PORT: `${page.port}`, BOARD_HOST: page.host }),
  });
  const processes = fleet.map((name) => new ServiceProcess(name, args, envOf(name), tally.journalOf(name), program));
  const named = (name: string) => processes.filter((each) => each.name === name);
  let departures: Evidence['departures'];
  try {
    departures = await unlessAborted(signal, async () => {
      for (const line of await Promise.all(processes.map(introduction))) console.log(line);
      console.log(
        `\nTry kill -9 on one of the two airports, delays or statistics, and see what the summary says of it.${advice(workTimeMs)}\n`,
      );
      await named('feed')[0]!.replay();
      await tally.settled(expectedFlights, QUIET_MS);
      return listDepartures(bus, LISTED_AIRPORT);
    });
  } finally {
    await Promise.all(processes.map((each) => each.stop()));
    await bus.close(); // nobody writes any more: the traces can go
  }
  const airportDays = {
    'flights.departed': sumOf(named('statistics').map((replica) => replica.departures)),
    'flights.delayed': await traces.delayCounts(),
  };
  return { journals: tally.journals, airportDays, departures };
}

const advice = (workTimeMs: number): string =>
  workTimeMs > 0 ? '' : '\nStart with --work 20 for that: without work, nothing is ever in hand.';

const introduction = async (each: ServiceProcess): Promise<string> => `${each}, instance ${await each.ready}`;
