// Servers for variants: each variant has one to itself, on a free port of this machine, with nothing on disk.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { startRedis } from '@belfry/testing';
import { Redis } from 'ioredis';

/**
 * @param {'redis' | 'nats'} [kind]
 * @returns its `url`; `cpuMs()`: the processor time that it has taken so far
 */
export const startServer = (kind = 'redis') => start[kind]();

/** Version by name; a nats-server need not be there. */
export async function serverVersions() {
  const redis = await start.redis();
  const versions = { 'redis-server': await redis.version(), 'nats-server': natsVersion() };
  await redis.stop();
  return versions;
}

const start = { redis: startRedisServer, nats: startNatsServer };

async function startRedisServer() {
  const redis = await startRedis({ fresh: true });
  const admin = new Redis(redis.url);
  admin.on('error', () => {}); // whoever waits for an answer is told
  const field = async (section, name) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await admin.info(section))[1];
  return {
    url: redis.url,
    version: () => field('server', 'redis_version'),
    cpuMs: async () =>
      1000 * (Number(await field('cpu', 'used_cpu_user')) + Number(await field('cpu', 'used_cpu_sys'))),
    async stop() {
      admin.disconnect();
      await redis.stop();
    },
  };
}

async function startNatsServer() {
  const port = await freePort();
  const server = spawn('nats-server', ['--addr', '127.0.0.1', '--port', `${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);
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
    cpuMs: async () => processCpuMs(server.pid),
    async stop() {
      process.off('exit', kill);
      const gone = once(server, 'exit');
      if (kill()) await gone;
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
