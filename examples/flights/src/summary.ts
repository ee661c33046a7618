import type { CheckResult, ServiceResult } from './check.js';
import type { FlightDeparted } from './contracts.js';

const figures = ['published', 'handled', 'missed', 'twice', 'retried', 'asked', 'answered'] as const;
const WIDTH = 10;

/** The result as a table, with the problems below it. */
export function summaryLines({ services, problems }: CheckResult): string[] {
  const sum = (figure: (typeof figures)[number]): number =>
    services.reduce((total, service) => total + service[figure], 0);
  const row = (service: ServiceResult): string =>
    service.service.padEnd(WIDTH) + figures.map((figure) => String(service[figure]).padStart(WIDTH)).join('');
  return [
    'service'.padEnd(WIDTH) + figures.map((figure) => figure.padStart(WIDTH)).join(''),
    ...services.map(row),
    '',
    figures.map((figure) => `${figure}: ${sum(figure)}`).join('  '),
    ...problems.map((problem) => `✗ ${problem}`),
    ...(problems.length === 0 ? ['✓ All of this and the counts of every airport and day are what the file says.'] : []),
  ];
}

const SHOWN = 3;

/** The first departures of an airport, and how many there are. */
export function departureLines(code: string, departures: readonly FlightDeparted[]): string[] {
  return [
    `${departures.length} departures of ${code}, as \`airports\` lists them:`,
    ...departures
      .slice(0, SHOWN)
      .map(({ departedAt, origin, destination }) => `${departedAt.replace('T', ' ')}  ${origin} → ${destination}`),
    ...(departures.length > SHOWN ? ['…'] : []),
  ];
}
