import { measures } from './measures.mjs';
import { median, quantile, spread } from './statistics.mjs';

/** What a case brought, as it is kept: medians of its rounds, and ratios to the control of the same round. */
export function summarize({ name, title, measure, unit, roles, variants }, rounds) {
  const { of } = measures[measure];
  return {
    name,
    title,
    measure,
    ...(unit ? { unit } : {}),
    ...(roles ? { roles: { sender: roles[0], receiver: roles[1] } } : {}),
    variants: variants.map(({ title }, at) => {
      const own = rounds[at];
      return {
        title,
        ratio: rounded(spread(own.map((round, n) => of(round) / of(rounds[0][n])))),
        value: rounded(spread(own.map(of))),
        cpu: rounded(cpuOf(own)),
        ...latenciesOf(own),
        lost: own.reduce((all, { lost }) => all + lost, 0),
      };
    }),
  };
}

/** Microseconds per message, of each kind of process. */
const cpuOf = (rounds) =>
  Object.fromEntries(Object.keys(rounds[0].cpu).map((who) => [who, median(rounds.map(({ cpu }) => cpu[who]))]));

/** Milliseconds: the median over the rounds of each round's quantile. */
function latenciesOf(rounds) {
  if (rounds[0].latencies.length === 0) return {};
  const at = (part) => median(rounds.map(({ latencies }) => quantile(latencies, part)));
  return { latency: rounded({ p50: at(0.5), p95: at(0.95), p99: at(0.99) }) };
}

/** Four digits say more than the measurement does. */
const rounded = (numbers) =>
  Object.fromEntries(Object.entries(numbers).map(([key, number]) => [key, Number(number.toPrecision(4))]));
