import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Random } from '@belfry/testing';
import type { GroupState, Service } from 'belfry';
import { describe, expect, it, vi } from 'vitest';
import { FlightDelayed } from '../src/contracts.js';
import { Feed } from '../src/feed.js';
import type { JournalEntry } from '../src/journal.js';
import { readFlights } from '../src/records.js';
import { ServiceProcess } from '../src/service-process.js';
import { createFlightService, type ServiceName } from '../src/services.js';
import { Tally } from '../src/tally.js';
import { Traces } from '../src/traces.js';
import { type AirportDays, computeTruth } from '../src/truth.js';
import type { Kill, Moment } from './mortal-statistics.js';

const redisUrl = process.env.BELFRY_TEST_REDIS_URL ?? '';
const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const program = {
  file: pathOf('./mortal-statistics.ts'),
  options: ['--conditions=@belfry/source', '--import', 'tsx'],
};
const truth = computeTruth();
const total = truth.flights['flights.delayed'].size;

const SEED = 1;
const REPLAY_SECONDS = 3;
const PATIENCE = { timeout: 60_000 };

interface Outcome {
  /** The long delays, as they stand in Redis. */
  readonly counts: AirportDays;
  /** Of long delays, what the replicas of `statistics` wrote down. */
  readonly handled: readonly JournalEntry[];
  readonly deaths: readonly string[];
}

/** Five kills, of which each comes somewhere in its fifth of the long delays, at another moment of one. */
function planKills(random: Random): Kill[] {
  const left: Moment[] = ['before', 'underway', 'counted', 'returned', 'soon'];
  return [0, 1, 2, 3, 4].map((place) => ({
    time: 1 + Math.floor(((place + random.next()) * total) / 5),
    moment: left.splice(random.below(left.length), 1)[0]!,
    pauseMs: random.between(0, 3),
  }));
}

/** Replays the flights, with two replicas of `statistics`: when one is killed, a new one comes. Everything else runs in this process. */
async function replayWithKills(kills: readonly Kill[], ...options: string[]): Promise<Outcome> {
  const where = { url: redisUrl, namespace: `killed-${randomBytes(4).toString('hex')}` };
  await using traces = new Traces(where.url, where.namespace);
  const tally = new Tally();
  const running: (Service | ServiceProcess)[] = [];
  const deaths = () => tally.journals.flatMap(({ death }) => death ?? []);
  let isOver = false;
  const startReplica = (): ServiceProcess => {
    const args = ['--kills', JSON.stringify(kills), ...options];
    const replica = new ServiceProcess('statistics', args, envOf(where), tally.journalOf('statistics'), program);
    running.push(replica);
    void replica.gone.then(() => isOver || deaths().length === kills.length || startReplica());
    return replica;
  };
  const startHere = async (name: ServiceName): Promise<Service> => {
    const service = createFlightService(name, { ...where, workTimeMs: 0, write: tally.journalOf(name).write });
    running.push(service);
    await service.start();
    return service;
  };
  try {
    const [{ bus }] = await Promise.all([startHere('feed'), startHere('airports'), startHere('delays')]);
    await Promise.all([startReplica().ready, startReplica().ready]);
    await new Feed(bus).replay(readFlights(), REPLAY_SECONDS);
    const published = () => entriesOf(tally, 'delays', 'published').length;
    const areDone = async () => (await bus.inspect(FlightDelayed).groups()).every(isDone);
    await vi.waitUntil(() => published() === total && deaths().length === kills.length, PATIENCE);
    await vi.waitUntil(areDone, PATIENCE);
  } finally {
    isOver = true;
    await Promise.all(running.map((each) => each.stop()));
  }
  return { counts: await traces.delayCounts(), handled: entriesOf(tally, 'statistics', 'handled'), deaths: deaths() };
}

const envOf = ({ url, namespace }: { readonly url: string; readonly namespace: string }) => ({
  BELFRY_URL: url,
  BELFRY_NAMESPACE: namespace,
  TSX_TSCONFIG_PATH: pathOf('../../../tsconfig.base.json'), // for the decorators
});

const isDone = ({ lag, pending }: GroupState): boolean => lag + pending === 0;

const entriesOf = ({ journals }: Tally, service: string, did: JournalEntry['did']): JournalEntry[] =>
  journals
    .filter((journal) => journal.service === service)
    .flatMap(({ entries }) => entries.filter((entry) => entry.did === did && entry.name === FlightDelayed.name));

/** Five times kill -9, and nothing else. */
function expectFiveKills({ deaths }: Outcome): void {
  expect(deaths).toHaveLength(5);
  for (const death of deaths) expect(death).toMatch(/^statistics \(process \d+\) was killed \(SIGKILL\)$/);
}

describe('while replicas of statistics are killed', { timeout: 120_000 }, () => {
  const kills = planKills(new Random(SEED));

  it('each long delay counts once', async () => {
    const outcome = await replayWithKills(kills);
    expectFiveKills(outcome);
    expect(outcome.counts).toEqual(truth.airportDays['flights.delayed']);
    // What the dead had in hand came again, and others handled it to its end: in the journals too, nothing stands twice.
    expect(outcome.handled.filter(({ attempt = 1 }) => attempt > 1)).not.toEqual([]);
    const flights = outcome.handled.map(({ flight }) => flight);
    expect(new Set(flights).size).toBe(flights.length);
  });

  it('long delays count twice that are not counted in one step with their acknowledgement', async () => {
    const outcome = await replayWithKills(kills, '--uncommitted');
    expectFiveKills(outcome);
    const right = truth.airportDays['flights.delayed'];
    const surplus = Object.entries(outcome.counts).map(([day, count]) => count - (right[day] ?? 0));
    // One was killed when it had counted, and one when the handler had returned. Nothing is lost for that.
    expect(surplus.reduce((sum, each) => sum + each, 0)).toBeGreaterThanOrEqual(2);
    expect(Object.keys(right).filter((day) => (outcome.counts[day] ?? 0) < right[day]!)).toEqual([]);
  });
});
