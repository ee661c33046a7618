import { expect, it } from 'vitest';
import type { AirportTraffic, BoardView } from './board.js';
import { BoardChanges } from './board-changes.js';
import { readFlights } from './records.js';

const [late, ...others] = readFlights();
const denver = { name: 'Denver Intl', city: 'Denver', state: 'CO', latitude: 39.86, longitude: -104.67 };
const guam = { name: 'Guam International', city: 'Agana', state: 'GU', latitude: 13.48, longitude: 144.8 };

const view = (departures: number, airports: Record<string, AirportTraffic>): BoardView => ({
  latest: [late!, ...others.slice(0, 1)],
  longest: [{ ...late!, originCity: 'Honolulu', destinationCity: 'San Francisco' }],
  delayed: new Set([1]),
  departures,
  airports: new Map(Object.entries(airports)),
});
const traffic = (departures: number, airport?: AirportTraffic['airport']) => ({ airport, departures, delayed: 0 });

it('a snapshot has everything, and what is known of it', () => {
  const board = new BoardChanges().snapshot(
    view(9, { DEN: traffic(3, denver), GUM: traffic(1, guam), XYZ: traffic(0) }),
  );
  expect(board).toMatchObject({ departures: 9, delayed: 1 });
  expect(board.latest).toEqual([
    {
      flight: 1,
      departedAt: '2001-01-01T01:10',
      origin: 'HNL',
      destination: 'SFO',
      delayMinutes: 95,
      isLongDelay: true,
    },
    expect.objectContaining({ flight: 2, isLongDelay: false }),
  ]);
  expect(board.longest).toEqual([board.latest[0]]);
  expect(board.airports).toEqual([
    {
      code: 'DEN',
      name: 'Denver Intl',
      city: 'Denver',
      state: 'CO',
      x: expect.any(Number),
      y: expect.any(Number),
      departures: 3,
      delayed: 0,
    },
    { code: 'GUM', name: 'Guam International', city: 'Agana', state: 'GU', departures: 1, delayed: 0 },
    { code: 'XYZ', departures: 0, delayed: 0 },
  ]);
});

it('an update has the airports that have changed', () => {
  const changes = new BoardChanges();
  const [den, gum] = [traffic(3, denver), traffic(1, guam)];
  const codes = (board: BoardView) => changes.update(board)?.airports.map(({ code }) => code);
  expect(codes(view(4, { DEN: den }))).toEqual(['DEN']);
  expect(codes(view(5, { DEN: den, GUM: gum }))).toEqual(['GUM']);
  changes.snapshot(view(6, { DEN: den, GUM: gum })); // for somebody who has just come
  expect(codes(view(6, { DEN: traffic(4, denver), GUM: gum }))).toEqual(['DEN']);
  expect(codes(view(6, { DEN: den, GUM: gum }))).toEqual(['DEN']);
});

it('there is no update to a board that has begun anew', () => {
  const changes = new BoardChanges();
  changes.update(view(9, { DEN: traffic(3) }));
  expect(changes.update(view(1, { DEN: traffic(1) }))).toBeUndefined();
  expect(changes.update(view(2, { DEN: traffic(2) }))).toMatchObject({ departures: 2 });
});
