import { describe, expect, it } from 'vitest';
import { MAP, project } from './projection.js';
import { readAirports } from './records.js';

const airports = readAirports();
const place = (code: string) => {
  const { latitude, longitude } = airports.get(code)!;
  return project(latitude, longitude)!;
};
const distance = (from: string, to: string): number => {
  const [a, b] = [place(from), place(to)];
  return Math.hypot(a.x - b.x, a.y - b.y);
};

describe('the map', () => {
  it('has every airport of the states and the Caribbean on it', () => {
    const elsewhere = new Set(['AS', 'CQ', 'GU', 'NA']); // the Pacific; NA: the file has no state
    for (const [code, { state, latitude, longitude }] of airports) {
      if (elsewhere.has(state)) continue;
      const point = project(latitude, longitude);
      expect(point, `${code} ${state}`).toBeDefined();
      expect(point!.x > 0 && point!.x < MAP.width && point!.y > 0 && point!.y < MAP.height, `${code} ${state}`).toBe(
        true,
      );
    }
  });

  it('has no place for Guam and London', () => {
    expect(project(13.48, 144.8)).toBeUndefined();
    expect(project(51.47, -0.45)).toBeUndefined();
  });

  it('has west on the left and north at the top', () => {
    expect(place('SFO').x).toBeLessThan(place('DEN').x);
    expect(place('DEN').x).toBeLessThan(place('BOS').x);
    expect(place('SEA').y).toBeLessThan(place('LAX').y);
    expect(place('ANC').y).toBeGreaterThan(place('LAX').y); // Alaska stands below
    expect(project(52.71, 174.11)!.x).toBeLessThan(place('ANC').x); // Shemya, beyond the date line
  });

  it('keeps distances, nearly', () => {
    // Great circles: 2139 nautical miles from New York to Los Angeles, 1093 from Chicago to Miami.
    expect(distance('JFK', 'LAX') / distance('ORD', 'MIA')).toBeCloseTo(2151 / 1039, 1);
    expect(distance('HNL', 'OGG')).toBeCloseTo((1070 * 87) / 3440, 0);
  });
});
