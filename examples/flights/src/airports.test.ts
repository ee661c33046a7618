import { type Harness, startHarness } from '@belfry/testing';
import { describe, expect, it } from 'vitest';
import { Airports } from './airports.js';
import { FlightDeparted, ListDepartures, LookupAirport } from './contracts.js';
import { listDepartures } from './departures.js';
import { readFlights } from './records.js';

const flights = readFlights().slice(0, 500);
const start = (instances: number) => startHarness({ name: 'airports', handlers: [Airports], instances });

/** How often each replica has answered one of its requests, by the order of the methods. */
const answered = ({ services }: Harness, request: 0 | 1): (number | undefined)[] =>
  services.map(({ bus }) => bus.responders[request]?.stats.handled);

describe('two replicas of airports', () => {
  it('look an airport up by turn', async () => {
    await using harness = await start(2);
    for (let time = 0; time < 4; time += 1) {
      const airport = await harness.request(LookupAirport, { code: 'HNL' });
      expect(airport).toMatchObject({ city: 'Honolulu', state: 'HI' });
    }
    expect(answered(harness, 0)).toEqual([2, 2]);
  });

  it('say of a code that there is no such airport', async () => {
    await using harness = await start(2);
    const error = await harness.request(LookupAirport, { code: 'XYZ' }).catch((reason) => reason);
    expect(LookupAirport.isError(error, 'UNKNOWN_AIRPORT') && error.data).toEqual({ code: 'XYZ' });
    const listing = harness.request(ListDepartures, { code: 'XYZ' }).next();
    await expect(listing).rejects.toMatchObject({ code: 'UNKNOWN_AIRPORT', data: { code: 'XYZ' } });
  });

  it('both list all departures of an airport, in their order', async () => {
    await using harness = await start(2);
    await Promise.all(flights.map((flight) => harness.publish(FlightDeparted, flight)));
    await harness.settled();
    const ofChicago = flights.filter(({ origin }) => origin === 'ORD');
    expect(ofChicago.length).toBeGreaterThan(20);
    expect(await listDepartures(harness.bus, 'ORD')).toEqual(ofChicago);
    expect(await listDepartures(harness.bus, 'ORD')).toEqual(ofChicago);
    await harness.settled();
    expect(answered(harness, 1)).toEqual([1, 1]); // by turn
  });
});

it('an airport that nothing has departed from has an empty list', async () => {
  await using harness = await start(1);
  expect(await listDepartures(harness.bus, 'ORD')).toEqual([]);
});
