import { fakeRequester, fakeResponder, startHarness } from '@belfry/testing';
import { expect, it } from 'vitest';
import { type Airport, LookupAirport } from './contracts.js';
import { KnownAirports } from './known-airports.js';

const honolulu: Airport = {
  name: 'Honolulu International',
  city: 'Honolulu',
  state: 'HI',
  latitude: 21.3,
  longitude: -157.9,
};

it('asks about each airport once', async () => {
  const responder = fakeResponder(LookupAirport, () => honolulu);
  const airports = new KnownAirports(fakeRequester(responder));
  expect(await Promise.all([airports.find('HNL'), airports.find('HNL')])).toEqual([honolulu, honolulu]);
  expect(await airports.find('HNL')).toEqual(honolulu);
  expect(responder.asked).toEqual([{ code: 'HNL' }]);
});

it('remembers that there is no such airport', async () => {
  const responder = fakeResponder(LookupAirport, ({ code }) => LookupAirport.error('UNKNOWN_AIRPORT', { code }));
  const airports = new KnownAirports(fakeRequester(responder));
  expect(await airports.find('XYZ')).toBeUndefined();
  expect(await airports.find('XYZ')).toBeUndefined();
  expect(responder.asked).toHaveLength(1);
});

it('asks again when nobody responded', async () => {
  await using harness = await startHarness();
  const airports = new KnownAirports(harness.bus);
  expect(await airports.find('HNL')).toBeUndefined();
  await harness.respond(fakeResponder(LookupAirport, () => honolulu));
  expect(await airports.find('HNL')).toEqual(honolulu);
});

it('asks again when no answer came in time', async () => {
  const responder = fakeResponder(LookupAirport, () => new Promise<never>(() => {}));
  await using harness = await startHarness({ responders: [responder] });
  const airports = new KnownAirports(harness.bus);
  const found = airports.find('HNL');
  await harness.advance('3s');
  expect(await found).toBeUndefined();
  responder.answer(() => honolulu);
  expect(await airports.find('HNL')).toEqual(honolulu);
  expect(responder.asked).toHaveLength(2);
});
