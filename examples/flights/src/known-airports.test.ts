import { once } from 'node:events';
import { type Bus, createBus } from 'belfry';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Airport, LookupAirport } from './contracts.js';
import { KnownAirports } from './known-airports.js';

const honolulu: Airport = {
  name: 'Honolulu International',
  city: 'Honolulu',
  state: 'HI',
  latitude: 21.3,
  longitude: -157.9,
};

let bus: Bus;
let airports: KnownAirports;
beforeEach(() => {
  bus = createBus({ url: 'memory:' });
  airports = new KnownAirports(bus);
});
afterEach(() => bus.close());

it('asks about each airport once', async () => {
  await bus.respond(LookupAirport, () => honolulu);
  expect(await Promise.all([airports.find('HNL'), airports.find('HNL')])).toEqual([honolulu, honolulu]);
  expect(await airports.find('HNL')).toEqual(honolulu);
  expect(bus.requests.asked).toBe(1);
});

it('remembers that there is no such airport', async () => {
  await bus.respond(LookupAirport, ({ code }) => LookupAirport.error('UNKNOWN_AIRPORT', { code }));
  expect(await airports.find('XYZ')).toBeUndefined();
  expect(await airports.find('XYZ')).toBeUndefined();
  expect(bus.requests).toMatchObject({ asked: 1, answered: 1 });
});

it('asks again when nobody responded', async () => {
  expect(await airports.find('HNL')).toBeUndefined();
  await bus.respond(LookupAirport, () => honolulu);
  expect(await airports.find('HNL')).toEqual(honolulu);
});

it('asks again when no answer came in time', async () => {
  let times = 0;
  await bus.respond(LookupAirport, (_, { signal }) => {
    times += 1;
    return times === 1 ? once(signal, 'abort').then(() => honolulu) : honolulu; // the signal aborts when the time is over
  });
  expect(await airports.find('HNL')).toBeUndefined();
  expect(await airports.find('HNL')).toEqual(honolulu);
  expect(bus.requests).toMatchObject({ asked: 2, answered: 1, failed: 1 });
});
