import type { Airport } from './contracts.js';
import { project } from './projection.js';

/**
 * The shape of the country, without a map of it: a dot for every airport there is. As the `d` of an SVG path, whose lines of no length
 * show as dots where their ends are round.
 */
export function landPath(airports: Iterable<Airport>): string {
  const dots = new Set<string>();
  for (const { latitude, longitude } of airports) {
    const point = project(latitude, longitude);
    if (point !== undefined) dots.add(`M${Math.round(point.x)} ${Math.round(point.y)}h0`);
  }
  return [...dots].join('');
}
