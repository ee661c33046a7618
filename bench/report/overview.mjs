// What is told first: a line per case, the prices of features, and three ratios for the README.
import { measures } from './measures.mjs';
import { markdownTable } from './tables.mjs';

/** A run of fewer says itself that it is short. */
const ENOUGH_ROUNDS = 4;

const peers = ['node-redis', 'NestJS', 'Moleculer', 'NATS', 'BullMQ', 'Belfry'];

const caseOf = ({ cases }, name) => cases.find((one) => one.name === name);
const isComparison = ({ variants: [control] }) => !control.title.startsWith('Belfry');
const times = (ratio) => (ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(1));

/** Ratios to what is written by hand. Where a peer is there in several ways its first is told. */
export function overviewTable({ cases }) {
  const rows = cases.filter(isComparison).map(({ title, measure, unit, variants: [control, ...others] }) => {
    const { tell, better } = measures[measure];
    const ratios = peers.map((peer) => {
      const one = others.find((variant) => variant.title.startsWith(peer));
      if (!one) return '';
      return peer === 'Belfry' ? `**${times(one.ratio.median)}**` : times(one.ratio.median);
    });
    const arrow = better === 'more' ? '↑' : '↓';
    return [`${title} ${arrow}`, tell(control.value.median, unit), ...ratios];
  });
  return markdownTable(['', 'by hand', ...peers], rows);
}

/** What Belfry costs with something beside Belfry without it. */
export function priceTable({ cases }) {
  const rows = cases
    .filter((one) => !isComparison(one))
    .flatMap(({ title, variants: [control, ...others] }) =>
      others.map((one) => [
        title,
        times(one.ratio.median),
        `${times(one.ratio.min)}–${times(one.ratio.max)}`,
        cpuChange(control.cpu.sender, one.cpu.sender),
        cpuChange(control.cpu.receiver, one.cpu.receiver),
        cpuChange(control.cpu.server, one.cpu.server),
      ]),
    );
  const cpu = ['publisher', 'subscriber', 'server'].map((who) => `CPU of ${who}, µs`);
  return markdownTable(['', 'rate, ratio', 'min–max', ...cpu], rows);
}

const cpuChange = (before, after) => `${before.toFixed(1)} → ${after.toFixed(1)}`;

/** One sentence for the README. */
export function headline(results) {
  const belfryIn = (name) => {
    const { ratio } = caseOf(results, name).variants.find(({ title }) => title === 'Belfry');
    return times(ratio.median);
  };
  const [events, requests, durable] = ['events-burst', 'requests-256', 'durable'].map(belfryIn);
  return `Beside ioredis by hand (\`publish\` of \`JSON.stringify\`, \`JSON.parse\` at the other end), with schemas checked on both sides: **${events} times** the events
in bursts, **${requests} times** the requests at 256 in flight; and for durable events **${durable} times** what Redis Streams give by hand. \`npm run bench -- --write\`
makes these figures anew: [Performance](docs/performance.md) has them all, with the peers and the limits.`;
}

/** What the figures depend on. */
export function about({ date, rounds, machine, versions }) {
  const { cores, cpu, memory, system } = machine;
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const short = rounds < ENOUGH_ROUNDS ? ' **That is a short run: these figures are provisional.**' : '';
  return `Measured on ${date}: ${cores} cores (${cpu}), ${memory}, ${system}; rounds: ${rounds}.${short}\n\nVersions: ${list.join(', ')}.`;
}
