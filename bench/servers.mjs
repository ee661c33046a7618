// The servers of a run, each on a free port of this machine, with nothing on disk.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';

/** A redis-server, and a nats-server where there is one. */
export async function startServers() {
  const redis = await startRedis({ fresh: true });
  const admin = new Redis(redis.url);
  admin.on('error', () => {}); // whoever waits for an answer is told
  const nats = await startNats();
  const cpuMs = {
    async redis() {
      const info = await admin.info('cpu');
      return 1000 * (Number(field(info, 'used_cpu_user')) + Number(field(info, 'used_cpu_sys')));
    },
    nats: async () => nats.cpuMs(),
  };
  return {
    urls: { url: redis.url, natsUrl: nats?.url },
    versions: { redis: field(await admin.info('server'), 'redis_version'), nats: nats?.version },
    has: (server) => server !== 'nats' || nats !== undefined,
    /** Processor time that a server has taken so far. */
    cpuMs: (server = 'redis') => cpuMs[server](),
    empty: () => admin.flushall(),
    async stop() {
      admin.disconnect();
      await redis.stop();
      await nats?.stop();
    },
  };
}

const field = (info, name) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)[1];

async function startNats() {
  const version = natsVersion();
  if (version === undefined) return undefined;
  const port = await freePort();
  const server = spawn('nats-server', ['--addr', '127.0.0.1', '--port', `${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  process.once('exit', () => server.kill('SIGKILL'));
  await new Promise((resolve, reject) => {
    let log = '';
    server.stderr.setEncoding('utf8').on('data', (chunk) => {
      log = (log + chunk).slice(-4096); // read to the end of its life: a broken pipe would end it
      if (log.includes('Server is ready')) resolve();
    });
    server.once('exit', () => reject(new Error(`nats-server does not start:\n${log}`)));
  });
  return {
    url: `nats://127.0.0.1:${port}`,
    version,
    cpuMs: () => processCpuMs(server.pid),
    async stop() {
      server.kill();
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    },
  };
}

function natsVersion() {
  try {
    return /v([\d.]+)/.exec(execFileSync('nats-server', ['--version'], { encoding: 'utf8' }))[1];
  } catch {
    return undefined;
  }
}

/** Of another process, where Linux tells: in steps of 10 ms. */
function processCpuMs(pid) {
  if (process.platform !== 'linux') return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
