import { explore, type HarnessOptions, startHarness } from '@belfry/testing';
import { describe, expect, it } from 'vitest';
import { sumOf } from './airport-days.js';
import { FlightDelayed, FlightDeparted } from './contracts.js';
import { DelayCountsInMemory } from './delay-counts.js';
import { readFlights } from './records.js';
import { Statistics } from './statistics.js';

const flights = readFlights().slice(0, 200);
const delayed = flights
  .filter(({ delayMinutes }) => delayMinutes >= 60)
  .map(({ distanceMiles: _, ...flight }) => ({ ...flight, originCity: flight.origin, destinationCity: 'there' }));

function countOf(flights: readonly { origin: string; departedAt: string }[]): Record<string, number> {
  const days = flights.map(({ origin, departedAt }) => `${origin} ${departedAt.slice(0, 10)}`);
  return Object.fromEntries(days.map((day) => [day, days.filter((other) => other === day).length]));
}

const replicas: HarnessOptions = { name: 'statistics', handlers: [Statistics], instances: 2 };

describe('two replicas of statistics', () => {
  it('share the departures, each in its process', async () => {
    await using harness = await startHarness(replicas);
    await Promise.all(flights.map((flight) => harness.publish(FlightDeparted, flight)));
    await harness.settled();
    const parts = harness.services.map(({ container }) => container.get(Statistics).departures);
    expect(parts.map((part) => Object.keys(part).length)).not.toContain(0);
    expect(sumOf(parts)).toEqual(countOf(flights));
  });

  it('commit the long delays, so that each counts once, whoever dies or stands still meanwhile', async () => {
    expect(delayed.length).toBeGreaterThan(5);
    await explore(
      async ({ startHarness }) => {
        const counts = new DelayCountsInMemory();
        await using harness = await startHarness({ ...replicas, onCommit: counts.onCommit });
        await Promise.all(delayed.map((flight) => harness.publish(FlightDelayed, flight)));
        await harness.settled();
        expect(counts.read()).toEqual(countOf(delayed));
      },
      { seeds: 20 },
    );
  });
});

it('memory runs no other command', () => {
  const counts = new DelayCountsInMemory();
  expect(() => counts.onCommit?.([['DEL', 'counts']])).toThrow('Only HINCRBY is known here, not DEL.');
});
