// npm run bench [-- --case <name> …] [--rounds <n>] [--quick]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { cases } from './cases.mjs';
import { playCase } from './rounds.mjs';

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 3 : 7));
const chosen = cases.filter(({ name }) => values.case?.some((wanted) => name.startsWith(wanted)) ?? true);

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

const port = await freePort();
const server = spawn('redis-server', ['--port', `${port}`, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
const url = `redis://127.0.0.1:${port}`;
const admin = new Redis(url);
const serverCpuMs = async () => {
  const info = await admin.info('cpu');
  const seconds = (name) => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)[1]);
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1000;
};

const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
const quantile = (numbers, part) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))];
const median = (numbers) => quantile(numbers, 0.5);

try {
  for (const theCase of chosen) {
    await admin.flushall();
    const results = await playCase(theCase, { url: () => url, rounds, serverCpuMs, progress: () => {} });
    const [control] = results;
    const isLatency = theCase.action === 'steadily';
    console.log(`\n${theCase.title}`);
    for (const { title, rounds: own } of results) {
      const p = (part) => own.map(({ latencies }) => quantile(latencies, part));
      const value = (list) =>
        isLatency ? list.map(({ latencies }) => quantile(latencies, 0.5)) : list.map((r) => r.perSecond);
      const ratios = value(own).map((v, at) => v / value(control.rounds)[at]);
      const cpu = (who) => median(own.map((r) => r.cpu[who])).toFixed(1);
      const lost = own.reduce((all, r) => all + r.lost, 0);
      console.log(
        title.padEnd(32),
        median(ratios).toFixed(2).padStart(6),
        `(${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`.padEnd(14),
        `${Math.round(median(own.map((r) => r.perSecond)))}/s`.padStart(10),
        ` cpu ${cpu('sender')} ${cpu('receiver')} ${cpu('server')}`,
        own[0].latencies.length > 0
          ? ` p50 ${median(p(0.5)).toFixed(3)} p95 ${median(p(0.95)).toFixed(3)} p99 ${median(p(0.99)).toFixed(3)}`
          : '',
        lost ? `LOST ${lost}` : '',
      );
    }
  }
} finally {
  admin.disconnect();
  server.kill();
}
