import { chosenRedisServer, installedRedisServer, packagedRedisServer } from './redis-binary.js';
import type { RedisConfig } from './redis-config.js';
import { RedisContainer } from './redis-container.js';
import { addressOf, pingRedis } from './redis-ping.js';
import { startCluster, type RedisCluster } from './redis-cluster.js';
import { RedisProcess } from './redis-process.js';
import { type ClientCertificate, secure, type Security } from './redis-security.js';
import { type SentinelRedis, startSentinel } from './redis-sentinel.js';

/** In the order in which the ways are tried. */
export const redisSources = ['url', 'binary', 'docker', 'package'] as const;

/** Where a Redis for tests can come from. */
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
  /**
   * The program to run, by its name in `PATH` or its path, such as `valkey-server`. Implies `fresh`, and `source: 'binary'`. Default: what
   * `BELFRY_TEST_REDIS_SERVER` says, else the first `redis-server` or `valkey-server`.
   */
  readonly program?: string;
  /**
   * Only over TLS: `url` is a `rediss://`, and `ca` the certificate to trust; with `mutual` only for clients that show `clientCertificate`.
   * `openssl` must be in `PATH`. Implies `fresh`. Default: false.
   */
  readonly tls?: boolean | 'mutual';
  /**
   * Only for a user `app` that may do what these rules say, such as `~shop:* &shop:* +@all -@dangerous`; `url` has its password, and `adminUrl`
   * that of somebody who may do everything. https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl. Implies `fresh`.
   * Default: everybody may do everything.
   */
  readonly acl?: string;
  /** See the overload of {@link startRedis}. */
  readonly cluster?: false;
  /** See the overload of {@link startRedis}. */
  readonly sentinel?: false;
}

/** Options of {@link startRedis} for a Cluster. */
export interface StartRedisClusterOptions extends Pick<StartRedisOptions, 'config' | 'tls'> {
  /** Three primaries with a replica each, on 127.0.0.1. */
  readonly cluster: true;
  readonly sentinel?: false;
}

/** Options of {@link startRedis} for a primary that Sentinels watch. */
export interface StartRedisSentinelOptions extends Pick<StartRedisOptions, 'config'> {
  /** A primary, a replica, and three Sentinels, on 127.0.0.1. `config` is that of the servers, not of the Sentinels. */
  readonly sentinel: true;
  readonly cluster?: false;
}

/** A Redis server for tests. */
export interface RedisServer extends AsyncDisposable {
  /** Such as `redis://127.0.0.1:20613`. */
  readonly url: string;
  /** The same for somebody who may do everything: it differs with `acl`. */
  readonly adminUrl: string;
  /** With `tls`: the certificate to trust, in PEM, as in `redisTransport({ url, redis: { tls: { ca } } })`. */
  readonly ca: string | undefined;
  /** With `tls: 'mutual'`: what a client has to show, in PEM, as in `redisTransport({ url, redis: { tls: { ca, ...clientCertificate } } })`. */
  readonly clientCertificate: ClientCertificate | undefined;
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
 * 2. `binary`: a `redis-server` or `valkey-server` in `PATH`, or the program that `BELFRY_TEST_REDIS_SERVER` names, which has to be there then, started on a
 *    free port of 127.0.0.1
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
export async function startRedis(options?: StartRedisOptions): Promise<RedisServer>;
/**
 * Gives a Redis Cluster: three primaries with a replica each, from a `redis-server` or `valkey-server` in `PATH`, else from the package of this
 * Debian or Ubuntu. All slots are served, and every replica follows its primary, when this resolves.
 * @throws Error when it does not come up
 */
export async function startRedis(options: StartRedisClusterOptions): Promise<RedisCluster>;
/**
 * Gives a primary, a replica, and three Sentinels of which two decide, from the same programs. A primary that is silent for a second is replaced. The
 * Sentinels know one another and the replica when this resolves.
 * @throws Error when they do not come up
 */
export async function startRedis(options: StartRedisSentinelOptions): Promise<SentinelRedis>;
export async function startRedis(
  options: StartRedisOptions | StartRedisClusterOptions | StartRedisSentinelOptions = {},
): Promise<RedisServer | RedisCluster | SentinelRedis> {
  if (options.cluster) {
    return await startCluster(await localProgram(), options.config ?? {}, await secure(options));
  }
  if (options.sentinel) return await startSentinel(await localProgram(), options.config ?? {});
  return await startServer(options);
}

async function startServer(options: StartRedisOptions): Promise<RedisServer> {
  const { program } = options;
  const source = program === undefined ? options.source : 'binary';
  const isProtected = Boolean(options.tls) || options.acl !== undefined;
  const fresh = options.fresh === true || options.config !== undefined || isProtected || program !== undefined;
  if (source === 'url' && fresh) {
    throw new Error("startRedis: source 'url' is a shared server, it cannot be fresh, or take a config, tls or acl");
  }
  const security = await secure(options);
  const config = { ...options.config, ...security.config };
  if (source) return await ways[source](config, security, program);

  const url = process.env.BELFRY_TEST_REDIS_URL;
  if (url && !fresh) return await sharedServer(url);
  const failures: string[] = [];
  for (const way of ['binary', 'docker', 'package'] as const) {
    try {
      return await ways[way](config, security);
    } catch (error) {
      // A server that is there and does not start has a reason, most likely `config`, that no other way would cure.
      if (error instanceof ServerFailure || chosenRedisServer() !== undefined) throw error;
      failures.push(`${way}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(nothingFound(fresh, failures));
}

type Way = (config: RedisConfig, security: Security, program?: string) => Promise<RedisServer>;

const ways: Record<RedisSource, Way> = {
  url: async () => {
    const url = process.env.BELFRY_TEST_REDIS_URL;
    if (!url) throw new Error('BELFRY_TEST_REDIS_URL is not set');
    return await sharedServer(url);
  },
  binary: async (config, security, name) => {
    const program = installedRedisServer(name);
    return ownServer('binary', await RedisProcess.start(program, config, security).catch(asServerFailure), security);
  },
  docker: async (config, security) => ownServer('docker', await RedisContainer.start(config, security), security),
  package: async (config, security) => {
    const program = await packagedRedisServer();
    return ownServer('package', await RedisProcess.start(program, config, security).catch(asServerFailure), security);
  },
};

/** A program on this machine. */
async function localProgram() {
  try {
    return installedRedisServer();
  } catch (error) {
    if (chosenRedisServer() !== undefined) throw error;
    return await packagedRedisServer();
  }
}

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
    adminUrl: url,
    ca: undefined,
    clientCertificate: undefined,
    ...address,
    source: 'url',
    pid: undefined,
    stop,
    kill: refuse,
    restart: refuse,
    [Symbol.asyncDispose]: stop,
  };
}

function ownServer(
  source: RedisSource,
  server: RedisProcess | RedisContainer,
  { login, adminLogin, ca, clientCertificate }: Security,
): RedisServer {
  const { host, port } = server;
  const scheme = ca === undefined ? 'redis' : 'rediss';
  let stopping: Promise<void> | undefined;
  const refuseStopped = () => {
    if (stopping) throw new Error('this Redis has been stopped');
  };
  const stop = () => {
    stopping ??= server.stop();
    return stopping;
  };
  return {
    url: `${scheme}://${login}${host}:${port}`,
    adminUrl: `${scheme}://${adminLogin}${host}:${port}`,
    ca,
    clientCertificate,
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
