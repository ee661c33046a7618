import { createBus } from 'belfry';
import { expect, it, vi } from 'vitest';
import { Board } from './board.js';
import { LookupAirport } from './contracts.js';
import { KnownAirports } from './known-airports.js';
import { readFlights } from './records.js';

const [first, second, ...others] = readFlights() as [
  ReturnType<typeof readFlights>[0],
  ReturnType<typeof readFlights>[0],
];
const honolulu = { name: 'Honolulu International', city: 'Honolulu', state: 'HI', latitude: 21.3, longitude: -157.9 };
const delayed = { ...first, originCity: 'Honolulu', destinationCity: 'San Francisco' };

/** A board whose `airports` know one airport only. */
async function createBoard() {
  const bus = createBus({ url: 'memory:' });
  await bus.respond(LookupAirport, ({ code }) =>
    code === 'HNL' ? honolulu : LookupAirport.error('UNKNOWN_AIRPORT', { code }),
  );
  const show = vi.fn();
  const board = new Board({ show, done: () => {} }, new KnownAirports(bus));
  return { board, show, [Symbol.asyncDispose]: () => bus.close().then(() => {}) };
}

it('counts by airport, and shows a name as soon as it is known', async () => {
  await using world = await createBoard();
  const { board, show } = world;
  const named = board.onDeparted(first);
  expect(board.airports.get('HNL')).toEqual({ airport: undefined, departures: 1, delayed: 0 });
  expect(show).toHaveBeenCalledTimes(1);
  await named;
  expect(board.airports.get('HNL')).toEqual({ airport: honolulu, departures: 1, delayed: 0 });
  expect(board.airports.get('SFO')).toEqual({ airport: undefined, departures: 0, delayed: 0 });
  expect(show).toHaveBeenCalledTimes(2);
});

it('counts a delay once, though it may be told twice', async () => {
  await using world = await createBoard();
  const { board } = world;
  board.onDelayed(delayed);
  board.onDelayed(delayed);
  expect(board.airports.get('HNL')?.delayed).toBe(1);
  expect(board.longest).toEqual([delayed]);
});

it('begins anew with the feed', async () => {
  await using world = await createBoard();
  const { board } = world;
  for (const flight of [first, second, ...others.slice(0, 50)]) await board.onDeparted(flight);
  board.onDelayed(delayed);
  await board.onDeparted(first);
  expect(board).toMatchObject({ departures: 1, latest: [first], longest: [] });
  expect(board.delayed.size).toBe(0);
  expect([...board.airports.keys()]).toEqual(['HNL', 'SFO']);
});
