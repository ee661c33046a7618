import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { StartedTestContainer } from 'testcontainers';
import { freePort } from './free-port.js';
import { diskless, type RedisConfig, redisConf } from './redis-config.js';
import { type Address, waitUntilReady } from './redis-ping.js';
import { listening, type Protected, type Security, shown, unprotected } from './redis-security.js';

const image = 'redis:7';
const startTimeoutMs = 15_000;
/** Covers the download of the image. */
const pullTimeoutMs = 60_000;
const folder = '/tmp';
const confPath = `${folder}/belfry-redis.conf`;

/** A Redis server in a Docker container, on a fixed port of the engine's host. */
export class RedisContainer {
  readonly pid = undefined;

  private constructor(
    private readonly container: StartedTestContainer,
    private readonly config: RedisConfig,
    readonly host: string,
    readonly port: number,
    private readonly security: Protected,
  ) {}

  /** Whom to trust, where it speaks TLS. */
  get ca(): string | undefined {
    return this.security.ca;
  }

  /** What to show there, where it wants to see something. */
  get clientCertificate(): Security['clientCertificate'] {
    return this.security.clientCertificate;
  }

  /**
   * Starts a container and waits until its server serves commands.
   * @throws Error when no engine answers within 1.5 s, testcontainers is not installed, or the image, the container or the server
   * cannot be had.
   */
  static async start(config: RedisConfig, security: Protected = unprotected): Promise<RedisContainer> {
    await findEngine();
    await loadTestcontainers();
    for (let attempt = 1; ; attempt++) {
      try {
        return await RedisContainer.#launch(config, security);
      } catch (error) {
        if (attempt === 5 || !(portWasTaken(error) || goWithoutRyuk(error))) throw error;
      }
    }
  }

  static async #launch(config: RedisConfig, security: Protected): Promise<RedisContainer> {
    const { GenericContainer, Wait } = await loadTestcontainers();
    // A port of our choice, for Docker would pick another one at a restart.
    const port = await freePort();
    const everywhere = { bind: '0.0.0.0', 'protected-mode': 'no', ...listening('6379', folder, security) };
    const files = Object.entries(security.files).map(([name, content]) => ({ content, target: `${folder}/${name}` }));
    const starting = new GenericContainer(image)
      .withExposedPorts({ container: 6379, host: port })
      .withCopyContentToContainer([...files, { content: redisConf(diskless, config, everywhere), target: confPath }])
      .withCommand(['redis-server', confPath])
      .withWaitStrategy(Wait.forListeningPorts())
      .withStartupTimeout(startTimeoutMs)
      .start();
    const container = await withTimeout(starting, pullTimeoutMs, `${image} did not start within ${pullTimeoutMs} ms`);
    const server = new RedisContainer(container, config, container.getHost(), port, security);
    await server.#ready();
    return server;
  }

  /** Sends a signal to the server. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    await (await this.#handle()).kill({ signal });
    if (['SIGKILL', 'SIGTERM', 'SIGINT'].includes(signal)) await (await this.#handle()).wait();
  }

  /** Ends the server, if it still runs, and starts it again on the same port. */
  async restart({ empty }: { empty: boolean }): Promise<void> {
    if (!empty) await this.#command('SAVE').catch(() => undefined); // killed before: nothing to save
    const handle = await this.#handle();
    const { State } = await handle.inspect();
    if (State.Running) await this.kill('SIGKILL');
    await handle.start();
    await this.#ready();
    if (empty) await this.#command('FLUSHALL'); // what an earlier SAVE has left in the container
  }

  /** Removes the container. */
  async stop(): Promise<void> {
    await this.container.stop({ timeout: 0, removeVolumes: true });
  }

  async #command(name: string): Promise<void> {
    const { requirepass } = this.config;
    const login = typeof requirepass === 'string' && requirepass !== '' ? ['-a', requirepass] : [];
    const tls = this.ca === undefined ? [] : ['--tls', '--insecure', ...shown(this.clientCertificate, folder)];
    await this.container.exec(['redis-cli', ...tls, ...login, name]);
  }

  async #handle() {
    const { getContainerRuntimeClient } = await loadTestcontainers();
    return (await getContainerRuntimeClient()).container.getById(this.container.getId());
  }

  async #ready(): Promise<void> {
    if (await waitUntilReady(this, startTimeoutMs)) return;
    await this.stop().catch(() => undefined);
    throw new Error(`${image} gave no PONG within ${startTimeoutMs} ms`);
  }
}

/** An optional peer: most users have a redis-server, and need none of its packages. */
async function loadTestcontainers() {
  try {
    return await import('testcontainers');
  } catch (error) {
    throw new Error('testcontainers cannot be loaded: npm install -D testcontainers', { cause: error });
  }
}

class StartTimeout extends Error {}

function portWasTaken(error: unknown): boolean {
  return /port is already allocated|address already in use/i.test(String(error));
}

/**
 * Without internet it is the image of Ryuk, testcontainers' janitor, that lacks most often; the error does not say which
 * image it was. Without Ryuk, a container stays when this process is killed.
 * @returns whether it is worth another attempt
 */
function goWithoutRyuk(error: unknown): boolean {
  if (error instanceof StartTimeout || process.env.TESTCONTAINERS_RYUK_DISABLED) return false;
  process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
  return true;
}

/** @throws Error when no Docker engine accepts connections. Loading testcontainers takes longer than to find that out. */
async function findEngine(): Promise<void> {
  const given = process.env.DOCKER_HOST;
  if (given?.startsWith('tcp://')) {
    const { hostname, port } = new URL(given);
    return await accepts({ host: hostname, port: Number(port || 2375) }, given);
  }
  const sockets = given
    ? [given.replace(/^unix:\/\//, '')]
    : [
        '/var/run/docker.sock',
        ...(process.env.XDG_RUNTIME_DIR ? [join(process.env.XDG_RUNTIME_DIR, 'docker.sock')] : []),
        join(homedir(), '.docker/run/docker.sock'),
        join(homedir(), '.docker/desktop/docker.sock'),
        `/run/user/${process.getuid?.()}/docker.sock`,
      ];
  const path = sockets.find((socket) => existsSync(socket));
  if (!path) throw new Error(`no Docker engine: ${given ? `${given} does not exist` : 'there is no docker.sock'}`);
  await accepts({ path }, path);
}

function accepts(where: { path: string } | Address, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...where, timeout: 1500 });
    const fail = (why: string) => {
      socket.destroy();
      reject(new Error(`no Docker engine: ${name} ${why}`));
    };
    socket.once('timeout', () => fail('does not answer'));
    socket.once('error', (error) => fail(`cannot be reached (${error.message})`));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

async function withTimeout(starting: Promise<StartedTestContainer>, ms: number, message: string) {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // Nobody waits for it any more: when it does come up, it must not stay.
      starting.then((container) => container.stop()).catch(() => undefined);
      reject(new StartTimeout(message));
    }, ms);
  });
  return await Promise.race([starting, late]).finally(() => clearTimeout(timer));
}
