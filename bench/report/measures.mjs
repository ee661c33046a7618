// What a ratio is about: how it is read from a round, and whether more of it is better.
import { median } from './statistics.mjs';

export const measures = {
  rate: { of: (round) => round.perSecond, better: 'more', tell: (value, unit) => `${whole(value)} ${unit}` },
  latency: { of: (round) => median(round.latencies), better: 'less', tell: (value) => `${value.toFixed(2)} ms` },
  server: { of: (round) => round.cpu.server, better: 'less', tell: (value) => `${value.toFixed(1)} µs` },
  start: { of: (round) => round.readyMs, better: 'less', tell: (value) => `${whole(value)} ms` },
  memory: {
    of: (round) => round.memory / 2 ** 20,
    better: 'less',
    tell: (value) => `${value.toFixed(0)} MiB`,
  },
};

const whole = (value) => Math.round(value).toLocaleString('en-US');
