import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { Board } from './board.js';
import { boardLines } from './board-lines.js';
import { LONG_DELAY_MINUTES } from './contracts.js';
import { readAirportNames, readFlights } from './records.js';

it('shows the newest flights and the longest delays within 80 columns', () => {
  const board = new Board({ show: () => {}, done: () => {} });
  for (const { distanceMiles, ...flight } of readFlights()) {
    board.onDeparted({ ...flight, distanceMiles });
    if (flight.delayMinutes >= LONG_DELAY_MINUTES) board.onDelayed(flight);
  }
  const lines = boardLines(board, readAirportNames()).map(stripVTControlCharacters);
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines[0]).toBe(' DEPARTURES                                     Saturday, March 31, 2001  21:42 ');
  expect(lines[2]).toBe(' 21:42  DFW Dallas-Fort Worth Intern…  IAD Washington Dulles Intern…  +36 min');
  expect(lines).toContain(' Feb 9  MCI Kansas City International  STL Lambert-St Louis Interna…  +509 min');
  expect(lines.at(-1)).toBe(' 5000 departed, 285 long delays, the longest MCI → STL: 509 min');
});
