import type { RedisConfig } from './redis-config.js';
import { command, nodeOf, type RedisNode, startAll, stopAll, until } from './redis-node.js';
import { RedisProcess, type RedisProgram } from './redis-process.js';
import type { ClientCertificate, Security } from './redis-security.js';

/** A Redis Cluster for tests. */
export interface RedisCluster extends AsyncDisposable {
  /** The first primary. A client that knows Clusters finds the others by it. */
  readonly url: string;
  /** With `tls`: the certificate to trust, in PEM; all nodes have the same one. */
  readonly ca: string | undefined;
  /** With `tls: 'mutual'`: what a client has to show, in PEM. */
  readonly clientCertificate: ClientCertificate | undefined;
  /** The primaries, then a replica of each, in the same order. */
  readonly nodes: readonly RedisNode[];
  /** Ends all servers and removes what they left behind. */
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const PRIMARIES = 3;

/** Starts a Cluster. @throws Error when it does not come up */
export async function startCluster(
  program: RedisProgram,
  config: RedisConfig,
  security: Security,
): Promise<RedisCluster> {
  const { ca, clientCertificate } = security;
  const own = {
    ...config,
    ...security.config,
    ...(ca !== undefined && { 'tls-cluster': 'yes', 'tls-replication': 'yes' }),
    'cluster-enabled': 'yes',
    'cluster-node-timeout': config['cluster-node-timeout'] ?? '2000',
    'cluster-config-file': 'nodes.conf',
  };
  const servers = await startAll(
    Array.from({ length: 2 * PRIMARIES }, () => RedisProcess.start(program, own, security)),
  );
  try {
    await join(servers);
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const stopOnce = () => {
    stopping ??= stopAll(servers);
    return stopping;
  };
  const nodes = servers.map((server, place) => nodeOf(server, place < PRIMARIES ? 'primary' : 'replica'));
  return { url: nodes[0]!.url, ca, clientCertificate, nodes, stop: stopOnce, [Symbol.asyncDispose]: stopOnce };
}

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
