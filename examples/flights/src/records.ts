import { readFileSync } from 'node:fs';
import type { Airport, FlightDeparted } from './contracts.js';

const read = (file: string): string => readFileSync(new URL(`../data/${file}`, import.meta.url), 'utf8');

interface FlightRecord {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** Every flight of the data file, in the order of departure. */
export function readFlights(): FlightDeparted[] {
  const records = JSON.parse(read('flights-5k.json')) as FlightRecord[];
  return records.map(({ date, delay, distance, origin, destination }, index) => ({
    flight: index + 1,
    departedAt: date.replaceAll('/', '-').replace(' ', 'T'),
    origin,
    destination,
    distanceMiles: distance,
    delayMinutes: delay,
  }));
}

/** The airports by IATA code. */
export function readAirports(): ReadonlyMap<string, Airport> {
  const [, ...lines] = read('airports.csv').trimEnd().split('\n');
  return new Map(
    lines
      .map(fieldsOf)
      .map(([code = '', name = '', city = '', state = '', _country, latitude, longitude]) => [
        code,
        { name, city, state, latitude: Number(latitude), longitude: Number(longitude) },
      ]),
  );
}

/** A field may be quoted: `PUW,Pullman/Moscow Regional,"Pullman/Moscow,ID",WA,…` */
const fieldsOf = (line: string): string[] =>
  Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, bare = '']) =>
    quoted === undefined ? bare : quoted.replaceAll('""', '"'),
  );
