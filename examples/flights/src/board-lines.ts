import { styleText } from 'node:util';
import type { BoardView } from './board.js';
import type { FlightDelayed, FlightDeparted } from './contracts.js';

type Flight = FlightDeparted | FlightDelayed;

// What a terminal has room for.
const LATEST = 9;
const LONGEST = 4;

/** The board as lines of 80 columns. */
export function boardLines(view: BoardView): string[] {
  const [newest] = view.latest;
  if (newest === undefined) return [];
  const airport = (code: string): string => fit(`${code} ${view.airports.get(code)?.airport?.name ?? ''}`, 29);
  const row = (when: string, flight: Flight, arrival: string): string =>
    ` ${when.padEnd(6)} ${airport(flight.origin)}  ${airport(flight.destination)}  ${arrival}`;
  const clock = `${day(newest, { weekday: 'long', year: 'numeric', month: 'long' })}  ${time(newest)} `;
  return [
    paint('inverse', ` DEPARTURES${clock.padStart(69)}`),
    paint('dim', ` TIME   ${'FROM'.padEnd(29)}  ${'TO'.padEnd(29)}  ARRIVES`),
    ...view.latest
      .slice(0, LATEST)
      .map((flight) => row(time(flight), flight, arrival(flight, view.delayed.has(flight.flight)))),
    '',
    paint('dim', ' LONGEST DELAYS SO FAR'),
    ...view.longest
      .slice(0, LONGEST)
      .map((flight) => row(day(flight, { month: 'short' }), flight, paint('red', late(flight)))),
    '',
    ` ${summaryLine(view)}`,
  ];
}

/** The state of things in one line. */
export function summaryLine({ departures, delayed, longest: [worst] }: BoardView): string {
  const record =
    worst === undefined
      ? ''
      : `, the longest ${worst.originCity} → ${worst.destinationCity}: ${worst.delayMinutes} min`;
  return `${departures} departed, ${delayed.size} long delays${record}`;
}

/** Red as soon as `delays` has told of it. */
function arrival(flight: FlightDeparted, isLongDelay: boolean): string {
  if (isLongDelay) return paint('red', late(flight));
  // Within a quarter of an hour counts as on time, says the Bureau of Transportation Statistics.
  return flight.delayMinutes < 15 ? paint('green', 'on time') : paint('yellow', late(flight));
}

const late = ({ delayMinutes }: Flight): string => `+${delayMinutes} min`;

const time = ({ departedAt }: Flight): string => departedAt.slice(11);

// The file's times are local to each airport: read and shown as UTC, they stay as they are.
const day = ({ departedAt }: Flight, parts: Intl.DateTimeFormatOptions): string =>
  new Date(`${departedAt}Z`).toLocaleDateString('en-US', { ...parts, day: 'numeric', timeZone: 'UTC' });

const fit = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);

const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
  process.env.NO_COLOR ? text : styleText(style, text);
