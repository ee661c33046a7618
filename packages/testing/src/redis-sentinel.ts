import type { RedisConfig } from './redis-config.js';
import { command, nodeOf, type RedisNode, startAll, stopAll, until } from './redis-node.js';
import { RedisProcess, type RedisProgram } from './redis-process.js';

/** One of the Sentinels of {@link SentinelRedis}. */
export interface SentinelNode extends Pick<RedisNode, 'host' | 'port' | 'pid' | 'kill'> {
  /** Starts a Sentinel again that was killed: it knows what it knew at the start. */
  restart(): Promise<void>;
}

/** A primary and a replica, watched by Sentinels, for tests. */
export interface SentinelRedis extends AsyncDisposable {
  /** Such as `redis+sentinel://127.0.0.1:20613,127.0.0.1:20614,127.0.0.1:20615/mymaster`. */
  readonly url: string;
  /** What the Sentinels call the primary, whichever server it is. */
  readonly name: string;
  readonly sentinels: readonly SentinelNode[];
  /** The primary, then the replica, as they were at the start. */
  readonly nodes: readonly [primary: RedisNode, replica: RedisNode];
  /** Where the primary is now, as most of the Sentinels say. */
  primary(): Promise<RedisNode>;
  /** Ends all servers and removes what they left behind. */
  stop(): Promise<void>;
}

const NAME = 'mymaster';
const SENTINELS = 3;
const QUORUM = 2;

/**
 * Starts a primary, a replica, and three Sentinels of which two decide. A primary that is silent for a second is replaced.
 * @throws Error when they do not come up
 */
export async function startSentinel(program: RedisProgram, config: RedisConfig): Promise<SentinelRedis> {
  const { requirepass } = config;
  const secured = requirepass === undefined ? config : { masterauth: requirepass, ...config };
  const servers: RedisProcess[] = [];
  try {
    const [primary] = (await startAll([RedisProcess.start(program, secured)])) as [RedisProcess];
    servers.push(primary);
    const replicaof = { ...secured, replicaof: `${primary.host} ${primary.port}` };
    servers.push(...(await startAll([RedisProcess.start(program, replicaof)])));
    // First: a Sentinel asks for replicas when it starts, and then every ten seconds.
    await until(servers.slice(1), async (server) => /master_link_status:up/.test(await command(server, 'INFO')));
    await until([primary], async (server) => /connected_slaves:1/.test(await command(server, 'INFO')));
    const watcher = { ...program, args: ['--sentinel'] };
    const watching = sentinelConf(primary);
    servers.push(...(await startAll(Array.from({ length: SENTINELS }, () => RedisProcess.start(watcher, watching)))));
    await until(servers.slice(2), isReady);
  } catch (error) {
    await stopAll(servers);
    throw error;
  }

  const [primary, replica, ...watchers] = servers as [RedisProcess, RedisProcess, ...RedisProcess[]];
  const nodes = [nodeOf(primary, 'primary'), nodeOf(replica, 'replica')] as const;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopAll(servers);
    return stopping;
  };
  const login = primary.password === undefined ? '' : `:${encodeURIComponent(primary.password)}@`;
  return {
    url: `redis+sentinel://${login}${watchers.map(({ host, port }) => `${host}:${port}`).join()}/${NAME}`,
    name: NAME,
    sentinels: watchers.map(sentinelOf),
    nodes,
    async primary() {
      const said = await Promise.all(watchers.map(primaryPort));
      const port = said.find((each) => each !== undefined && said.filter((other) => other === each).length >= QUORUM);
      const node = nodes.find((each) => each.port === port);
      if (node === undefined) throw new Error('the Sentinels do not agree on where the primary is');
      return node;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const sentinelOf = (watcher: RedisProcess): SentinelNode => ({
  host: watcher.host,
  port: watcher.port,
  get pid() {
    return watcher.pid;
  },
  kill: (signal = 'SIGKILL') => watcher.kill(signal),
  restart: () => watcher.restart({ empty: true }),
});

function sentinelConf({ host, port, password }: RedisProcess): RedisConfig {
  const settings = [
    `monitor ${NAME} ${host} ${port} ${QUORUM}`,
    `down-after-milliseconds ${NAME} 1000`,
    `failover-timeout ${NAME} 3000`,
    ...(password === undefined ? [] : [`auth-pass ${NAME} ${password}`]),
  ];
  return { sentinel: settings };
}

/** Whether a Sentinel knows the replica and the other Sentinels, and has their agreement. */
async function isReady(sentinel: RedisProcess): Promise<boolean> {
  const info = await command(sentinel, 'INFO sentinel');
  return new RegExp(`name=${NAME},status=ok,address=[^,]+,slaves=1,sentinels=${SENTINELS}\\b`).test(info);
}

/** Undefined: it does not answer. */
async function primaryPort(sentinel: RedisProcess): Promise<number | undefined> {
  const answer = await command(sentinel, `SENTINEL get-master-addr-by-name ${NAME}`).catch(() => '');
  const [, port] = /\r\n(\d+)\r\n\+PONG/.exec(answer) ?? [];
  return port === undefined ? undefined : Number(port);
}
