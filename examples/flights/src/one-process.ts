import { createBus, memoryTransport } from 'belfry';
import { sumOf } from './airport-days.js';
import { DelayCountsInMemory } from './delay-counts.js';
import { listDepartures } from './departures.js';
import { Feed } from './feed.js';
import { journal } from './journal.js';
import { readFlights } from './records.js';
import { type Evidence, LISTED_AIRPORT, QUIET_MS, type RunOptions, unlessAborted } from './run.js';
import { createFlightService, fleet } from './services.js';
import { Statistics } from './statistics.js';
import { Tally } from './tally.js';

/** Runs every service in this process, without anything from outside. */
export async function runInOneProcess(options: RunOptions): Promise<Evidence> {
  const { seconds, workTimeMs, page, expectedFlights, signal } = options;
  const tally = new Tally();
  const delayCounts = new DelayCountsInMemory();
  const where = { transport: memoryTransport('memory:flights', delayCounts), namespace: 'flights' };
  const services = fleet.map((name) =>
    createFlightService(name, { ...where, workTimeMs, page, write: tally.journalOf(name).write }),
  );
  const named = (name: string) => services.filter((service) => service.name === name);
  // To ask, a bus is enough.
  await using bus = createBus({ ...where, name: 'demo', middleware: [journal(tally.journalOf('demo').write)] });
  try {
    await Promise.all(services.map((service) => service.start()));
    const statistics = named('statistics').map(({ container }) => container.get(Statistics));
    const departures = await unlessAborted(signal, async () => {
      await new Feed(named('feed')[0]!.bus).replay(readFlights(), seconds, signal);
      await tally.settled(expectedFlights, QUIET_MS);
      return listDepartures(bus, LISTED_AIRPORT);
    });
    const airportDays = {
      'flights.departed': sumOf(statistics.map((replica) => replica.departures)),
      'flights.delayed': delayCounts.read(),
    };
    return { journals: tally.journals, airportDays, departures };
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}
