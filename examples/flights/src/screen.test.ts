import logUpdate from 'log-update';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { BoardView } from './board.js';
import { readFlights } from './records.js';
import { Screen } from './screen.js';

vi.mock('log-update', () => ({ default: Object.assign(vi.fn(), { done: vi.fn() }) }));

const draw = vi.mocked(logUpdate);
const print = vi.spyOn(console, 'log').mockImplementation(() => {});
beforeEach(() => void vi.clearAllMocks());
afterEach(() => vi.useRealTimers());

const flights = [...readFlights()];
const view = (at: number): BoardView => ({
  latest: [flights.at(at)!],
  longest: [],
  delayed: new Set(),
  departures: 1,
  airports: new Map(),
});

/** Shows the first flight, and the last one, three months later. */
function showOn(isTTY: boolean, columns: number, rows: number): void {
  vi.useFakeTimers();
  const screen = Screen.on({ isTTY, columns, rows });
  screen.show(view(0));
  screen.show(view(-1));
  vi.advanceTimersByTime(1000);
  screen.done();
}

it('draws the board on a terminal that has room for it', () => {
  showOn(true, 80, 22);
  expect(draw).toHaveBeenCalledWith(expect.stringContaining('DEPARTURES'));
  expect(print).not.toHaveBeenCalled();
});

it.each([
  ['a pipe', false, 80, 22],
  ['a narrow terminal', true, 79, 50],
  ['a low terminal', true, 200, 21],
  ['a terminal of unknown size', true, 0, 0],
])('prints plain lines on %s', (_, isTTY, columns, rows) => {
  showOn(isTTY, columns, rows);
  expect(print).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^2001-03-\d\d {2}1 departed/));
  expect(draw).not.toHaveBeenCalled();
});
