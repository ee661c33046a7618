import type { RedisOptions } from 'ioredis';
import { type HostsOf, readHosts, readLogin, toAddress } from './hosts.js';
import type { Address } from './server.js';
import { nameOf } from './slot-map.js';

/** What a URL or an option says of a Cluster. */
export interface ClusterSeeds {
  readonly seeds: readonly Address[];
  readonly login: Pick<RedisOptions, 'username' | 'password' | 'tls'>;
}

const PORT = 6379;
const NODES: HostsOf = { noun: 'node', port: PORT, example: 'like redis+cluster://10.0.0.1:6379,10.0.0.2:6379' };

export const isClusterUrl = (url: unknown): url is string =>
  typeof url === 'string' && /^rediss?\+cluster:\/\//.test(url);

/** Reads `redis+cluster://user:password@host:port,host:port`. Says what is wrong with it, but never the password. */
export function readClusterUrl(url: string, mistakes: string[]): ClusterSeeds {
  const [, scheme = '', login = '', hosts = '', rest = ''] =
    /^(rediss?)\+cluster:\/\/(?:(.*)@)?([^/?#@]*)(.*)$/s.exec(url) ?? [];
  const seeds = readHosts(hosts, NODES, mistakes);
  if (!/^\/?0?$/.test(rest))
    mistakes.push(`url ends in a path or options, which that of a Cluster does not have; it must be ${NODES.example}`);
  return { seeds, login: { ...readLogin(login, mistakes), ...(scheme === 'rediss' ? { tls: {} } : {}) } };
}

/** Reads the option `cluster`. */
export function readNodes(cluster: unknown, mistakes: string[]): ClusterSeeds {
  const { nodes, natMap = {}, ...others } = (cluster ?? {}) as { nodes?: unknown; natMap?: unknown };
  for (const key of Object.keys(others))
    mistakes.push(`cluster has no option ${JSON.stringify(key)} (there are nodes, natMap)`);
  const example = "cluster: { nodes: ['10.0.0.1:6379'] }";
  const seeds = Array.isArray(nodes) ? nodes.map(nodeAt) : [];
  if (seeds.length === 0 || seeds.includes(undefined))
    mistakes.push(`cluster must name nodes by host and port: ${example}`);
  const isMap = typeof natMap === 'object' && natMap !== null && !Array.isArray(natMap);
  if (!isMap || ![...Object.keys(natMap), ...Object.values(natMap)].every(nodeAt))
    mistakes.push("natMap must lead from hosts and ports to others: { '172.20.0.3:6379': '127.0.0.1:7003' }");
  return { seeds: seeds.filter((seed) => seed !== undefined), login: {} };
}

/** From the addresses that nodes tell to those at which they are reached. */
export function translator(natMap: Readonly<Record<string, string>>): (address: Address) => Address {
  const known = new Map(Object.entries(natMap).map(([from, to]) => [nameAt(from), nodeAt(to)]));
  return (address) => known.get(nameOf(address)) ?? address;
}

/** As nodes are told: also one without a port, or with an IPv6 address. */
const nameAt = (text: string): string => nameOf(toAddress(text, PORT) ?? { host: text, port: PORT });

const nodeAt = (text: unknown): Address | undefined => (typeof text === 'string' ? toAddress(text, PORT) : undefined);
