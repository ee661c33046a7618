import { stripVTControlCharacters } from 'node:util';
import { createBus } from 'belfry';
import { expect, it } from 'vitest';
import { Airports } from './airports.js';
import { Board } from './board.js';
import { boardLines } from './board-lines.js';
import { LONG_DELAY_MINUTES, LookupAirport } from './contracts.js';
import { KnownAirports } from './known-airports.js';
import { readAirports, readFlights } from './records.js';

const screen = { show: () => {}, done: () => {} };

it('shows the newest flights and the longest delays within 80 columns', async () => {
  await using bus = createBus({ url: 'memory:' });
  const service = new Airports();
  await bus.respond(LookupAirport, (input) => service.lookup(input));
  const board = new Board(screen, new KnownAirports(bus));
  const airports = readAirports();
  const city = (code: string) => airports.get(code)!.city;
  for (const { distanceMiles, ...flight } of readFlights()) {
    await board.onDeparted({ ...flight, distanceMiles });
    if (flight.delayMinutes < LONG_DELAY_MINUTES) continue;
    board.onDelayed({ ...flight, originCity: city(flight.origin), destinationCity: city(flight.destination) });
  }
  const lines = boardLines(board).map(stripVTControlCharacters);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines[0]).toBe(' DEPARTURES                                     Saturday, March 31, 2001  21:42 ');
  expect(lines[2]).toBe(' 21:42  DFW Dallas-Fort Worth Intern…  IAD Washington Dulles Intern…  +36 min');
  expect(lines).toContain(' Feb 9  MCI Kansas City International  STL Lambert-St Louis Interna…  +509 min');
  expect(lines.at(-1)).toBe(' 5000 departed, 285 long delays, the longest Kansas City → St Louis: 509 min');
});

it('shows the codes where nobody can say the names', async () => {
  await using bus = createBus({ url: 'memory:' });
  const board = new Board(screen, new KnownAirports(bus));
  await board.onDeparted(readFlights().at(-1)!);
  expect(stripVTControlCharacters(boardLines(board)[2]!)).toMatch(/^ 21:42 {2}DFW {28}IAD {28}\+36 min$/);
});
