import { createBus, memoryTransport, type Service } from 'belfry';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sumOf } from './airport-days.js';
import { FlightDelayed, FlightDeparted } from './contracts.js';
import { DelayCountsInMemory } from './delay-counts.js';
import { readFlights } from './records.js';
import { createFlightService } from './services.js';
import { Statistics } from './statistics.js';

const flights = readFlights().slice(0, 200);
const delayed = flights
  .filter(({ delayMinutes }) => delayMinutes >= 60)
  .map(({ distanceMiles: _, ...flight }) => ({ ...flight, originCity: flight.origin, destinationCity: 'there' }));

function countOf(flights: readonly { origin: string; departedAt: string }[]): Record<string, number> {
  const days = flights.map(({ origin, departedAt }) => `${origin} ${departedAt.slice(0, 10)}`);
  return Object.fromEntries(days.map((day) => [day, days.filter((other) => other === day).length]));
}

describe('two replicas of statistics', () => {
  let counts: DelayCountsInMemory;
  let replicas: Service[];
  let bus: ReturnType<typeof createBus>;

  beforeEach(async () => {
    counts = new DelayCountsInMemory();
    const where = { transport: memoryTransport('memory:statistics', counts), namespace: 'statistics' };
    replicas = ['first', 'second'].map(() =>
      createFlightService('statistics', { ...where, workTimeMs: 0, write: () => {} }),
    );
    await Promise.all(replicas.map((replica) => replica.start()));
    bus = createBus({ ...where, name: 'test' });
  });
  afterEach(async () => {
    await bus.close();
    await Promise.all(replicas.map((replica) => replica.stop()));
  });

  const handled = (subscription: number) =>
    replicas.reduce((sum, replica) => sum + replica.bus.subscriptions[subscription]!.stats.handled, 0);

  it('share the departures, each in its process', async () => {
    await Promise.all(flights.map((flight) => bus.publish(FlightDeparted, flight)));
    await vi.waitUntil(() => handled(0) === flights.length);
    const parts = replicas.map(({ container }) => container.get(Statistics).departures);
    expect(parts.map((part) => Object.keys(part).length)).not.toContain(0);
    expect(sumOf(parts)).toEqual(countOf(flights));
  });

  it('commit the long delays, so that each counts once', async () => {
    expect(delayed.length).toBeGreaterThan(5);
    await Promise.all(delayed.map((flight) => bus.publish(FlightDelayed, flight)));
    await vi.waitUntil(() => handled(1) === delayed.length);
    expect(counts.read()).toEqual(countOf(delayed));
  });
});

it('memory runs no other command', () => {
  const counts = new DelayCountsInMemory();
  expect(() => counts.onCommit?.([['DEL', 'counts']])).toThrow('Only HINCRBY is known here, not DEL.');
});
