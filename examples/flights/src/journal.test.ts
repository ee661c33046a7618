import { startHarness } from '@belfry/testing';
import { expect, it } from 'vitest';
import { Airports } from './airports.js';
import { FlightDeparted, LookupAirport } from './contracts.js';
import { Journal, journal } from './journal.js';
import { KnownAirports } from './known-airports.js';
import { readFlights } from './records.js';

const start = (write: Journal['write'], handlers = [Airports]) =>
  startHarness({ name: 'airports', handlers, middleware: [journal(write)] });

it('writes down what was published and handled, asked and answered', async () => {
  const { entries, write } = new Journal('test');
  await using harness = await start(write);
  const { bus } = harness.service;
  await bus.publish(FlightDeparted, readFlights()[6]!);
  await bus.request(LookupAirport, { code: 'HNL' });
  await harness.settled();
  expect(entries).toHaveLength(4);
  expect(entries).toEqual(
    expect.arrayContaining([
      { did: 'published', name: 'flights.departed', flight: 7 },
      { did: 'handled', name: 'flights.departed', flight: 7, attempt: 1 },
      { did: 'asked', name: 'airports.lookup', flight: undefined },
      { did: 'answered', name: 'airports.lookup', flight: undefined },
    ]),
  );
});

it('takes an error that the contract declares for an answer', async () => {
  const { entries, write } = new Journal('test');
  await using harness = await start(write);
  const asking = harness.service.bus.request(LookupAirport, { code: 'XYZ' });
  await expect(asking).rejects.toMatchObject({ code: 'UNKNOWN_AIRPORT' });
  expect(entries.map(({ did }) => did)).toEqual(['asked', 'answered']);
});

it('writes down what was asked, also when there is no answer', async () => {
  const { entries, write } = new Journal('test');
  await using harness = await start(write, []);
  expect(await new KnownAirports(harness.service.bus).find('HNL')).toBeUndefined();
  expect(entries.map(({ did }) => did)).toEqual(['asked']);
});
