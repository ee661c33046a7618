import { Feed } from './feed.js';
import { readFlights } from './records.js';
import { type Evidence, QUIET_MS, type RunOptions, unlessAborted } from './run.js';
import { createFlightService, fleet } from './services.js';
import { Statistics } from './statistics.js';
import { Tally } from './tally.js';

/** Runs every service in this process, without anything from outside. */
export async function runInOneProcess(options: RunOptions): Promise<Evidence> {
  const { seconds, workTimeMs, expectedEntries, signal } = options;
  const tally = new Tally();
  const setting = { url: 'memory:flights', namespace: 'flights', workTimeMs, write: tally.add };
  const services = fleet.map((name) => createFlightService(name, setting));
  const named = (name: string) => services.find((service) => service.name === name)!;
  try {
    await Promise.all(services.map((service) => service.start()));
    const { airportDays } = named('statistics').container.get(Statistics);
    await unlessAborted(signal, async () => {
      await new Feed(named('feed').bus).replay(readFlights(), seconds, signal);
      await tally.settled(expectedEntries, QUIET_MS);
    });
    return { journal: tally.entries, airportDays, deaths: [] };
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}
