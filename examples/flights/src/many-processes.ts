import { randomBytes } from 'node:crypto';
import { createBus, redisTransport, silentLogger } from 'belfry';
import { FlightDeparted } from './contracts.js';
import { type Evidence, QUIET_MS, type RunOptions, unlessAborted } from './run.js';
import { ServiceProcess } from './service-process.js';
import { fleet } from './services.js';
import { Tally } from './tally.js';

/** Runs every service in a process of its own, over Redis. What each of them does comes back over a pipe to its process. */
export async function runInProcesses(redisUrl: string, options: RunOptions): Promise<Evidence> {
  const { seconds, workTimeMs, expectedEntries, signal } = options;
  // A namespace of its own, so that two runs on one Redis do not meet.
  const namespace = `flights-${randomBytes(4).toString('hex')}`;
  await reach(redisUrl, namespace);
  const tally = new Tally();
  const args = ['--seconds', `${seconds}`, '--work', `${workTimeMs}`];
  const env = { BELFRY_URL: redisUrl, BELFRY_NAMESPACE: namespace };
  const processes = fleet.map((name) => new ServiceProcess(name, args, env, tally.add));
  const named = (name: string) => processes.find((each) => each.name === name)!;
  try {
    await unlessAborted(signal, async () => {
      for (const line of await Promise.all(processes.map(introduction))) console.log(line);
      console.log(
        `\nTry kill -9 on one of the two delays, and see what the summary says of it.${advice(workTimeMs)}\n`,
      );
      await named('feed').replay();
      await tally.settled(expectedEntries, QUIET_MS);
    });
  } finally {
    await Promise.all(processes.map((each) => each.stop()));
  }
  return {
    journal: tally.entries,
    airportDays: named('statistics').airportDays,
    deaths: processes.flatMap(({ death }) => death ?? []),
  };
}

/** Asked once, before five processes find out, each for itself. */
async function reach(url: string, namespace: string): Promise<void> {
  const transport = redisTransport({ url, patience: '2s' });
  await using bus = createBus({ transport, namespace, logger: silentLogger });
  await bus.ready(FlightDeparted, { groups: [] });
}

const advice = (workTimeMs: number): string =>
  workTimeMs > 0 ? '' : '\nStart with --work 20 for that: without work, nothing is ever in hand.';

const introduction = async (each: ServiceProcess): Promise<string> => `${each}, instance ${await each.ready}`;
