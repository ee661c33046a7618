import { createBus } from 'belfry';
import { expect, it } from 'vitest';
import { Airports } from './airports.js';
import { FlightDeparted, LookupAirport } from './contracts.js';
import { Journal, journal } from './journal.js';
import { readAirports, readFlights } from './records.js';

it('writes down what was published and handled, asked and answered', async () => {
  const { entries, write } = new Journal('test');
  await using bus = createBus({ url: 'memory:', middleware: [journal(write)] });
  await bus.subscribe(FlightDeparted, () => {});
  await bus.respond(LookupAirport, ({ code }) => readAirports().get(code)!);
  await bus.publish(FlightDeparted, readFlights()[6]!);
  await bus.request(LookupAirport, { code: 'HNL' });
  await bus.close();
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
  await using bus = createBus({ url: 'memory:', middleware: [journal(write)] });
  const airports = new Airports();
  await bus.respond(LookupAirport, (input) => airports.lookup(input));
  await expect(bus.request(LookupAirport, { code: 'XYZ' })).rejects.toMatchObject({ code: 'UNKNOWN_AIRPORT' });
  expect(entries.map(({ did }) => did)).toEqual(['asked', 'answered']);
});

it('writes down what was asked, also when there is no answer', async () => {
  const { entries, write } = new Journal('test');
  await using bus = createBus({ url: 'memory:', middleware: [journal(write)] });
  await expect(bus.request(LookupAirport, { code: 'HNL' })).rejects.toThrow('airports.lookup');
  expect(entries.map(({ did }) => did)).toEqual(['asked']);
});
