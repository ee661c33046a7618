import { describe, expect, it } from 'vitest';
import { LONG_DELAY_MINUTES } from './contracts.js';
import { readAirports, readFlights } from './records.js';
import { computeTruth } from './truth.js';

describe('the truth', () => {
  const truth = computeTruth();

  it('is what a look at the file says', () => {
    expect(truth.flights['flights.departed'].size).toBe(5000);
    expect(truth.flights['flights.delayed'].size).toBe(285);
    expect(truth.flights['flights.delayed'].has(1)).toBe(true); // the first one: Honolulu to San Francisco, 95 minutes
    expect(truth.airportDays['flights.departed']['ORD 2001-01-09']).toBe(8);
    expect(truth.airportDays['flights.delayed']['DFW 2001-02-24']).toBe(5);
    expect(Object.keys(truth.airportDays['flights.departed'])).toHaveLength(3261);
    expect(truth.departures.ORD).toHaveLength(283);
  });

  it('agrees with the records that the feed reads', () => {
    const flights = readFlights();
    expect(new Set(flights.map(({ flight }) => flight))).toEqual(truth.flights['flights.departed']);
    const long = flights.filter(({ delayMinutes }) => delayMinutes >= LONG_DELAY_MINUTES);
    expect(new Set(long.map(({ flight }) => flight))).toEqual(truth.flights['flights.delayed']);
  });
});

describe('the records', () => {
  it('are in the order of departure', () => {
    const times = readFlights().map(({ departedAt }) => departedAt);
    expect(times).toEqual(times.toSorted());
    expect(times[0]).toBe('2001-01-01T01:10');
  });

  it('tell of every airport, also where a name is quoted', () => {
    const airports = readAirports();
    expect(
      readFlights().filter(({ origin, destination }) => !airports.has(origin) || !airports.has(destination)),
    ).toEqual([]);
    expect(airports.get('ORD')).toEqual({
      name: "Chicago O'Hare International",
      city: 'Chicago',
      state: 'IL',
      latitude: 41.979595,
      longitude: -87.90446417,
    });
    expect(airports.get('BTR')?.name).toBe('Baton Rouge Metropolitan, Ryan');
    expect(airports.get('DBN')?.name).toBe('W. H. "Bud" Barron');
  });
});
