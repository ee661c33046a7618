import { installedRedisServer, packagedRedisServer } from './redis-binary.js';
import type { RedisConfig } from './redis-config.js';
import { RedisContainer } from './redis-container.js';
import { addressOf, pingRedis } from './redis-ping.js';
import { RedisProcess } from './redis-process.js';

/** Where a Redis for tests can come from, in the order in which the ways are tried. */
export const redisSources = ['url', 'binary', 'docker', 'package'] as const;

/** One of {@link redisSources}. */
export type RedisSource = (typeof redisSources)[number];

/** Options of {@link startRedis}. */
export interface StartRedisOptions {
  /** Settings of redis.conf on top of those that keep everything in memory. Implies `fresh`. Default: none. */
  readonly config?: RedisConfig;
  /**
   * A server of one's own, never the shared one of `BELFRY_TEST_REDIS_URL`: for a test that kills, restarts, floods,
   * flushes or configures it. Default: false, true when `config` is given.
   */
  readonly fresh?: boolean;
  /** Forces one way of getting a Redis. Default: each of them in turn. */
  readonly source?: RedisSource;
}

/** A Redis server for tests. */
export interface RedisServer extends AsyncDisposable {
  /** Such as `redis://127.0.0.1:20613`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly source: RedisSource;
  /** The server's process id while it runs, where it is a child of this process: not in Docker, not behind a URL. */
  readonly pid: number | undefined;
  /**
   * Ends the server and removes what it left behind. Does nothing the second time, and nothing to a server that was
   * given by URL.
   */
  stop(): Promise<void>;
  /**
   * Sends a signal to the server, as a crash (`SIGKILL`) or a pause (`SIGSTOP`, `SIGCONT`). Resolves when the process
   * has ended, where the signal ends it. Does nothing to a server that is down.
   * @param signal default: `SIGKILL`
   * @throws Error when the server was given by URL or has been stopped.
   */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /**
   * Ends the server, if it runs, and starts it again on the same port; resolves when it serves commands again.
   *
   * `empty` (default: true) forgets all data. With `false` a running server saves its data first and has it again; one
   * that was killed before has what its `config` made it write, by default nothing.
   * @throws Error when the server was given by URL or has been stopped, or does not come up again.
   */
  restart(options?: { readonly empty?: boolean }): Promise<void>;
}

/**
 * Gives a Redis server for tests. Ways, in this order:
 * 1. `url`: the one that `BELFRY_TEST_REDIS_URL` names, shared with whoever else uses it
 * 2. `binary`: a `redis-server` or `valkey-server` in `PATH`, started on a free port of 127.0.0.1
 * 3. `docker`: `redis:7` through testcontainers, when an engine answers and that optional peer is installed
 * 4. `package`: the `redis-server` package of this Debian or Ubuntu, unpacked into a cache folder of the project
 *
 * Servers that it starts keep nothing on disk and never outlive this process. The server is ready when this resolves.
 * ```ts
 * await using redis = await startRedis({ fresh: true });
 * ```
 * @throws Error when a server that is there does not work (with the last lines of its output), or, naming the ways, when
 * none of them leads to a server.
 */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const { config = {}, source } = options;
  const fresh = options.fresh === true || options.config !== undefined;
  if (source === 'url' && fresh) {
    throw new Error("startRedis: source 'url' is a shared server, it cannot be fresh or take a config");
  }
  if (source) return await ways[source](config);

  const url = process.env.BELFRY_TEST_REDIS_URL;
  if (url && !fresh) return await sharedServer(url);
  const failures: string[] = [];
  for (const way of ['binary', 'docker', 'package'] as const) {
    try {
      return await ways[way](config);
    } catch (error) {
      // A server that is there and does not start has a reason, most likely `config`, that no other way would cure.
      if (error instanceof ServerFailure) throw error;
      failures.push(`${way}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(nothingFound(fresh, failures));
}

const ways: Record<RedisSource, (config: RedisConfig) => Promise<RedisServer>> = {
  url: async () => {
    const url = process.env.BELFRY_TEST_REDIS_URL;
    if (!url) throw new Error('BELFRY_TEST_REDIS_URL is not set');
    return await sharedServer(url);
  },
  binary: async (config) => {
    const program = installedRedisServer();
    return ownServer('binary', await RedisProcess.start(program, config).catch(asServerFailure));
  },
  docker: async (config) => ownServer('docker', await RedisContainer.start(config)),
  package: async (config) => {
    const program = await packagedRedisServer();
    return ownServer('package', await RedisProcess.start(program, config).catch(asServerFailure));
  },
};

class ServerFailure extends Error {}

function asServerFailure(error: unknown): never {
  throw new ServerFailure(error instanceof Error ? error.message : String(error), { cause: error });
}

async function sharedServer(url: string): Promise<RedisServer> {
  const address = addressOf(url);
  // Behind TLS there is no telling without certificates: the client will.
  if (url.startsWith('redis:') && (await pingRedis(address, 5000)) !== 'ready') {
    throw new Error(`no Redis answers at ${address.host}:${address.port}, which BELFRY_TEST_REDIS_URL names`);
  }
  const refuse = async (): Promise<never> => {
    throw new Error('This Redis is the shared one of BELFRY_TEST_REDIS_URL: ask startRedis for { fresh: true }.');
  };
  const stop = async () => undefined;
  return {
    url,
    ...address,
    source: 'url',
    pid: undefined,
    stop,
    kill: refuse,
    restart: refuse,
    [Symbol.asyncDispose]: stop,
  };
}

function ownServer(source: RedisSource, server: RedisProcess | RedisContainer): RedisServer {
  const { host, port } = server;
  let stopping: Promise<void> | undefined;
  const refuseStopped = () => {
    if (stopping) throw new Error('this Redis has been stopped');
  };
  const stop = () => {
    stopping ??= server.stop();
    return stopping;
  };
  return {
    url: `redis://${host}:${port}`,
    host,
    port,
    source,
    get pid() {
      return server.pid;
    },
    stop,
    async kill(signal = 'SIGKILL') {
      refuseStopped();
      await server.kill(signal);
    },
    async restart({ empty = true } = {}) {
      refuseStopped();
      await server.restart({ empty });
    },
    [Symbol.asyncDispose]: stop,
  };
}

function nothingFound(fresh: boolean, failures: readonly string[]): string {
  const url = fresh ? 'not used here, as this test needs a server of its own' : 'BELFRY_TEST_REDIS_URL is not set';
  return [
    'There is no Redis for the tests. Any one of these gives them one: set BELFRY_TEST_REDIS_URL, put redis-server or ' +
      'valkey-server into PATH, run Docker, or (on Debian and Ubuntu) let apt-get reach the package archive.',
    `- url: ${url}`,
    ...failures.map((failure) => `- ${failure}`),
  ].join('\n');
}
