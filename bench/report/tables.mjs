import { measures } from './measures.mjs';

/** A Markdown table of what a case brought. */
export function caseTable({ measure, unit, roles, variants }) {
  const { tell } = measures[measure];
  const [control] = variants;
  const timed = variants.some(({ latency }) => latency);
  const head = [
    '',
    `ratio (${measures[measure].better} is better)`,
    'min–max',
    'median',
    cpuHead(roles),
    'in all, ratio',
  ];
  if (timed) head.push('p50 / p95 / p99, ms');
  const lossy = variants.some(({ lost }) => lost > 0);
  if (lossy) head.push('did not arrive');
  const rows = variants.map(({ title, ratio, value, cpu, latency, lost }) => [
    title,
    ratio.median.toFixed(2),
    `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}`,
    tell(value.median, unit),
    cpuCell(cpu),
    (allCpu(cpu) / allCpu(control.cpu)).toFixed(2),
    ...(timed ? [Object.values(latency).map(milliseconds).join(' / ')] : []),
    ...(lossy ? [lost > 0 ? `**${lost.toLocaleString('en-US')}**` : ''] : []),
  ]);
  return markdownTable(head, rows);
}

/** Processor time per message, of everybody together: it hardly depends on what else the machine does. */
export const allCpu = (cpu) => Object.values(cpu).reduce((sum, us) => sum + us, 0);

/** @param rows cells; all but the first column are to the right */
export function markdownTable(head, rows) {
  const lines = [head, ['---', ...head.slice(1).map(() => '---:')], ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const cpuHead = (roles) => (roles ? `CPU of ${roles.sender} / ${roles.receiver} / server, µs` : 'CPU, ms');

function cpuCell({ sender, receiver, server }) {
  if (sender === undefined) return `${Math.round(receiver / 1000)}`;
  return [sender, receiver, server].map((us) => (us === null ? '?' : us.toFixed(1))).join(' / ');
}

const milliseconds = (ms) => (ms < 10 ? ms.toFixed(2) : ms.toFixed(1));
