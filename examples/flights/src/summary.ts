import type { CheckResult, ServiceResult } from './check.js';

const figures = ['published', 'handled', 'missed', 'twice'] as const;

/** The result as a table, with the problems below it. */
export function summaryLines({ services, problems }: CheckResult): string[] {
  const sum = (figure: (typeof figures)[number]): number =>
    services.reduce((total, service) => total + service[figure], 0);
  const row = (service: ServiceResult): string =>
    service.service.padEnd(10) + figures.map((figure) => String(service[figure]).padStart(11)).join('');
  return [
    `service   ${figures.map((figure) => figure.padStart(11)).join('')}`,
    ...services.map(row),
    '',
    figures.map((figure) => `${figure}: ${sum(figure)}`).join('  '),
    ...problems.map((problem) => `✗ ${problem}`),
    ...(problems.length === 0 ? ['✓ This and the counts of every airport and day are what the file says.'] : []),
  ];
}
