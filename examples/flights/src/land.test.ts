import { expect, it } from 'vitest';
import { landPath } from './land.js';
import { readAirports } from './records.js';

const at = (latitude: number, longitude: number) => ({ name: '', city: '', state: '', latitude, longitude });

it('has a dot for every airport on the map, once for several at one place', () => {
  const denver = at(39.86, -104.67);
  expect(landPath([denver, denver, at(13.48, 144.8), at(47.45, -122.31)])).toMatch(/^M\d+ \d+h0M\d+ \d+h0$/);
});

it('is not much to send', () => {
  const path = landPath(readAirports().values());
  expect(path.match(/M/g)!.length).toBeGreaterThan(3000);
  expect(path.length).toBeLessThan(40_000);
});
