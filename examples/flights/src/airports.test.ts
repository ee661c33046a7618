import { createBus, type Service } from 'belfry';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Airports } from './airports.js';
import { FlightDeparted, ListDepartures, LookupAirport } from './contracts.js';
import { listDepartures } from './departures.js';
import { readFlights } from './records.js';
import { createFlightService } from './services.js';

const where = { url: 'memory:airports', namespace: 'airports' };
const flights = readFlights().slice(0, 500);

describe('two replicas of airports', () => {
  let replicas: Service[];
  let bus: ReturnType<typeof createBus>;

  beforeEach(async () => {
    replicas = ['airports', 'airports'].map(() =>
      createFlightService('airports', { ...where, workTimeMs: 0, write: () => {} }),
    );
    await Promise.all(replicas.map((replica) => replica.start()));
    bus = createBus({ ...where, name: 'demo' });
  });
  afterEach(async () => {
    await bus.close();
    await Promise.all(replicas.map((replica) => replica.stop()));
  });

  const answered = (request: number): (number | undefined)[] =>
    replicas.map((replica) => replica.bus.responders[request]?.stats.handled);

  it('look an airport up by turn', async () => {
    for (let time = 0; time < 4; time += 1) {
      expect(await bus.request(LookupAirport, { code: 'HNL' })).toMatchObject({ city: 'Honolulu', state: 'HI' });
    }
    expect(answered(0)).toEqual([2, 2]);
  });

  it('say of a code that there is no such airport', async () => {
    const error = await bus.request(LookupAirport, { code: 'XYZ' }).catch((reason) => reason);
    expect(LookupAirport.isError(error, 'UNKNOWN_AIRPORT') && error.data).toEqual({ code: 'XYZ' });
    const listing = bus.request(ListDepartures, { code: 'XYZ' }).next();
    await expect(listing).rejects.toMatchObject({ code: 'UNKNOWN_AIRPORT', data: { code: 'XYZ' } });
  });

  it('both list all departures of an airport, in their order', async () => {
    await Promise.all(flights.map((flight) => bus.publish(FlightDeparted, flight)));
    const handled = () => replicas.map((replica) => replica.bus.subscriptions[0]?.stats.handled);
    await vi.waitUntil(() => handled().every((count) => count === flights.length));
    const ofChicago = flights.filter(({ origin }) => origin === 'ORD');
    expect(ofChicago.length).toBeGreaterThan(20);
    expect(await listDepartures(bus, 'ORD')).toEqual(ofChicago);
    expect(await listDepartures(bus, 'ORD')).toEqual(ofChicago);
    await vi.waitUntil(() => answered(1).every((count) => count === 1)); // by turn
  });
});

it('an airport that nothing has departed from has an empty list', async () => {
  await using bus = createBus({ url: 'memory:' });
  const service = new Airports();
  await bus.respond(ListDepartures, (input) => service.departures(input));
  expect(await listDepartures(bus, 'ORD')).toEqual([]);
});
