import { setTimeout as wait } from 'node:timers/promises';
import type { RedisConfig } from './redis-config.js';
import { askRedis } from './redis-ping.js';
import { RedisProcess, type RedisProgram } from './redis-process.js';

/** One server of a {@link RedisCluster}. */
export interface RedisNode {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** What it was at the start: a failover may have changed it since. */
  readonly role: 'primary' | 'replica';
  /** The server's process id while it runs. */
  readonly pid: number | undefined;
  /** Sends a signal to the server; resolves when it has ended, where the signal ends it. @param signal default: `SIGKILL` */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts a server again that was killed: it takes its place in the Cluster, without data, which its primary has, if it has one. */
  restart(): Promise<void>;
}

/** A Redis Cluster for tests. */
export interface RedisCluster extends AsyncDisposable {
  /** The first primary. A client that knows Clusters finds the others by it. */
  readonly url: string;
  /** The primaries, then a replica of each, in the same order. */
  readonly nodes: readonly RedisNode[];
  /** Ends all servers and removes what they left behind. */
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const PRIMARIES = 3;
const startTimeoutMs = 30_000;

/** Starts a Cluster. @throws Error when it does not come up */
export async function startCluster(program: RedisProgram, config: RedisConfig): Promise<RedisCluster> {
  const own = {
    ...config,
    'cluster-enabled': 'yes',
    'cluster-node-timeout': config['cluster-node-timeout'] ?? '2000',
    'cluster-config-file': 'nodes.conf',
  };
  const starting = await Promise.allSettled(
    Array.from({ length: 2 * PRIMARIES }, () => RedisProcess.start(program, own)),
  );
  const servers = starting.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())));
  try {
    for (const each of starting) if (each.status === 'rejected') throw each.reason;
    await join(servers);
  } catch (error) {
    await stop();
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const stopOnce = () => {
    stopping ??= stop();
    return stopping;
  };
  const nodes = servers.map(nodeOf);
  return { url: nodes[0]!.url, nodes, stop: stopOnce, [Symbol.asyncDispose]: stopOnce };
}

const nodeOf = (server: RedisProcess, place: number): RedisNode => ({
  url: `redis://${server.host}:${server.port}`,
  host: server.host,
  port: server.port,
  role: place < PRIMARIES ? 'primary' : 'replica',
  get pid() {
    return server.pid;
  },
  kill: (signal = 'SIGKILL') => server.kill(signal),
  restart: () => server.restart({ empty: false }),
});

/** Makes a Cluster of servers that know nothing of one another. */
async function join(servers: readonly RedisProcess[]): Promise<void> {
  const [first, ...others] = servers as [RedisProcess, ...RedisProcess[]];
  const primaries = servers.slice(0, PRIMARIES);
  const perPrimary = Math.ceil(SLOTS / PRIMARIES);
  for (const [place, primary] of primaries.entries()) {
    const last = Math.min(SLOTS, (place + 1) * perPrimary) - 1;
    await command(primary, `CLUSTER SET-CONFIG-EPOCH ${place + 1}`);
    await command(primary, `CLUSTER ADDSLOTSRANGE ${place * perPrimary} ${last}`);
  }
  for (const { host, port } of others) await command(first, `CLUSTER MEET ${host} ${port}`);
  await until(servers, async (server) => (await infoOf(server)).includes(`cluster_known_nodes:${servers.length}`));
  for (const [place, replica] of servers.slice(PRIMARIES).entries()) {
    const [, id = ''] = /\r\n([0-9a-f]{40})\r\n/.exec(await command(primaries[place]!, 'CLUSTER MYID')) ?? [];
    await command(replica, `CLUSTER REPLICATE ${id}`);
  }
  await until(servers, async (server) => (await infoOf(server)).includes('cluster_state:ok'));
  const replicas = servers.slice(PRIMARIES);
  await until(replicas, async (server) => /master_link_status:up/.test(await command(server, 'INFO replication')));
  // Every node must have heard who follows whom, else a failover may find nobody.
  await until(
    servers,
    async (server) => (await command(server, 'CLUSTER NODES')).match(/ (?:myself,)?slave /g)?.length === PRIMARIES,
  );
}

const infoOf = (server: RedisProcess): Promise<string> => command(server, 'CLUSTER INFO');

/** Over a connection of its own. @throws Error what the server says when it refuses */
async function command(server: RedisProcess, text: string): Promise<string> {
  const answer = await askRedis(server, `${text}\r\nPING\r\n`, /\+PONG\r\n$/);
  if (answer.startsWith('-') || answer === '') throw new Error(`startRedis: ${text}: ${answer.trim() || 'no answer'}`);
  return answer;
}

/** Waits until it is so of every server. */
async function until(
  servers: readonly RedisProcess[],
  isSo: (server: RedisProcess) => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (const server of servers) {
    while (!(await isSo(server))) {
      if (Date.now() > deadline) throw new Error(`startRedis: the Cluster did not come up within ${startTimeoutMs} ms`);
      await wait(20);
    }
  }
}
