/** A place on the map, from its top left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The map's size, in the same units. */
export const MAP = { width: 960, height: 600 } as const;

/** How much a radian of the globe is on the map. */
const SCALE = 1070;
const CENTER: Point = { x: MAP.width / 2, y: MAP.height / 2 - 24 };

/**
 * A part of the country with a map of its own: an Albers equal-area conic projection, which keeps areas as they are. Numbers are degrees.
 * Alaska and the islands stand below the south west and south east, where there is room.
 */
interface Part {
  readonly has: (latitude: number, longitude: number) => boolean;
  /** Where the cone cuts the globe. */
  readonly parallels: readonly [number, number];
  /** What stands at `at`. */
  readonly center: { readonly latitude: number; readonly longitude: number };
  readonly at: Point;
  /** 1: as large as everything else. */
  readonly zoom: number;
}

const parts: readonly Part[] = [
  {
    has: (latitude, longitude) => latitude > 24 && latitude < 49.6 && longitude > -125.5 && longitude < -66,
    parallels: [29.5, 45.5],
    center: { latitude: 38.7, longitude: -96.6 },
    at: CENTER,
    zoom: 1,
  },
  {
    // Alaska, with the islands beyond the date line.
    has: (latitude, longitude) => latitude > 50 && (longitude < -129 || longitude > 170),
    parallels: [55, 65],
    center: { latitude: 60.5, longitude: -156 },
    at: { x: CENTER.x - 325, y: CENTER.y + 230 },
    zoom: 0.35,
  },
  {
    has: (latitude, longitude) => latitude < 23 && latitude > 18 && longitude > -161 && longitude < -154,
    parallels: [8, 18],
    center: { latitude: 20.6, longitude: -157.6 },
    at: { x: CENTER.x - 165, y: CENTER.y + 240 },
    zoom: 1,
  },
  {
    // Puerto Rico and the Virgin Islands.
    has: (latitude, longitude) => latitude > 17 && latitude < 19 && longitude > -68 && longitude < -64,
    parallels: [8, 18],
    center: { latitude: 18.2, longitude: -66 },
    at: { x: CENTER.x + 370, y: CENTER.y + 262 },
    zoom: 1,
  },
];

/** Where a place of the United States is on the map; `undefined` when it is not on it, like Guam. */
export function project(latitude: number, longitude: number): Point | undefined {
  const part = parts.find(({ has }) => has(latitude, longitude));
  if (part === undefined) return undefined;
  const { parallels, center, at, zoom } = part;
  const [south, north] = parallels.map((parallel) => Math.sin(radians(parallel))) as [number, number];
  const n = (south + north) / 2;
  const c = 1 + south * north; // cos² of the southern parallel + 2 n sin of it
  const distance = (sine: number): number => Math.sqrt(c - 2 * n * sine) / n; // from the tip of the cone
  const angle = n * radians(wrapped(longitude - center.longitude));
  const rho = distance(Math.sin(radians(latitude)));
  return {
    x: at.x + SCALE * zoom * rho * Math.sin(angle),
    y: at.y + SCALE * zoom * (rho * Math.cos(angle) - distance(Math.sin(radians(center.latitude)))),
  };
}

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** From -180 to 180. */
const wrapped = (degrees: number): number => ((((degrees + 180) % 360) + 360) % 360) - 180;
