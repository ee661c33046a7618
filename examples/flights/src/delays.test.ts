import { fakePublisher, fakeRequester, fakeResponder, override, startHarness } from '@belfry/testing';
import '@belfry/testing/vitest';
import { ContainerModule } from 'belfry';
import { describe, expect, it } from 'vitest';
import { Airports } from './airports.js';
import { FlightDelayed, FlightDeparted, LookupAirport } from './contracts.js';
import { DelayCountsInMemory } from './delay-counts.js';
import { Delays, WorkTime } from './delays.js';
import { KnownAirports } from './known-airports.js';
import { Statistics } from './statistics.js';

const flight: FlightDeparted = {
  flight: 7,
  departedAt: '2001-01-05T08:15',
  origin: 'HNL',
  destination: 'XYZ',
  distanceMiles: 2500,
  delayMinutes: 75,
};
const airports = fakeResponder(LookupAirport, ({ code }) =>
  code === 'XYZ'
    ? LookupAirport.error('UNKNOWN_AIRPORT', { code })
    : { name: 'an airport', city: `city of ${code}`, state: 'HI', latitude: 21.3, longitude: -157.9 },
);
const modules = [
  new ContainerModule(({ bind }) => {
    bind(WorkTime).toConstantValue(5);
    bind(KnownAirports).toSelf().inSingletonScope();
  }),
];

describe('delays', () => {
  it('tells of a long delay, with the cities as far as somebody knows them', async () => {
    const publisher = fakePublisher();
    await new Delays(publisher, new KnownAirports(fakeRequester(airports)), 0).look(flight);
    await expect(publisher).toHavePublished(FlightDelayed, { originCity: 'city of HNL', destinationCity: 'XYZ' });
  });

  it('does not tell of a short one', async () => {
    await using harness = await startHarness({ name: 'delays', handlers: [Delays], modules });
    await harness.publish(FlightDeparted, { ...flight, delayMinutes: 59 });
    await harness.expectNone(FlightDelayed);
  });

  it('gives the codes when airports does not answer in time', async () => {
    const silent = fakeResponder(LookupAirport, () => new Promise<never>(() => {}));
    const overrides = [override(WorkTime, 0)];
    const setup = { name: 'delays', handlers: [Delays], modules, overrides, responders: [silent] };
    await using harness = await startHarness(setup);
    await harness.publish(FlightDeparted, flight);
    await harness.advance('3s');
    await expect(harness).toHavePublished(FlightDelayed, { originCity: 'HNL', destinationCity: 'XYZ' });
  });

  it('works together with airports and statistics', async () => {
    const counts = new DelayCountsInMemory();
    await using harness = await startHarness({
      services: [
        { name: 'airports', handlers: [Airports], instances: 2 },
        { name: 'delays', handlers: [Delays], modules, instances: 2 },
        { name: 'statistics', handlers: [Statistics] },
      ],
      onCommit: counts.onCommit,
    });
    await harness.publish(FlightDeparted, { ...flight, destination: 'ORD' });
    await harness.settled();
    await expect(harness).toHaveHandled(FlightDelayed, { originCity: 'Honolulu', destinationCity: 'Chicago' });
    expect(counts.read()).toEqual({ 'HNL 2001-01-05': 1 });
  });
});
