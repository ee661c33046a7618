import { createBus } from 'belfry';
import { listDepartures } from './departures.js';
import { Feed } from './feed.js';
import { journal } from './journal.js';
import { readFlights } from './records.js';
import { type Evidence, LISTED_AIRPORT, QUIET_MS, type RunOptions, unlessAborted } from './run.js';
import { createFlightService, fleet } from './services.js';
import { Statistics } from './statistics.js';
import { Tally } from './tally.js';

const where = { url: 'memory:flights', namespace: 'flights' };

/** Runs every service in this process, without anything from outside. */
export async function runInOneProcess(options: RunOptions): Promise<Evidence> {
  const { seconds, workTimeMs, expectedFlights, signal } = options;
  const tally = new Tally();
  const services = fleet.map((name) =>
    createFlightService(name, { ...where, workTimeMs, write: tally.journalOf(name).write }),
  );
  const named = (name: string) => services.find((service) => service.name === name)!;
  // To ask, a bus is enough.
  await using bus = createBus({ ...where, name: 'demo', middleware: [journal(tally.journalOf('demo').write)] });
  try {
    await Promise.all(services.map((service) => service.start()));
    const { airportDays } = named('statistics').container.get(Statistics);
    const departures = await unlessAborted(signal, async () => {
      await new Feed(named('feed').bus).replay(readFlights(), seconds, signal);
      await tally.settled(expectedFlights, QUIET_MS);
      return listDepartures(bus, LISTED_AIRPORT);
    });
    return { journals: tally.journals, airportDays, departures };
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}
