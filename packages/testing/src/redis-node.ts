import { setTimeout as wait } from 'node:timers/promises';
import { type Address, askRedis } from './redis-ping.js';
import type { RedisProcess } from './redis-process.js';

/** One server of several that belong together: of a Cluster, or behind Sentinels. */
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
  /** Starts a server again that was killed: it takes its place among the others, without data, which its primary has, if it has one. */
  restart(): Promise<void>;
}

/** A server as a test sees it. */
export const nodeOf = (server: RedisProcess, role: RedisNode['role']): RedisNode => ({
  url: `${server.ca === undefined ? 'redis' : 'rediss'}://${server.host}:${server.port}`,
  host: server.host,
  port: server.port,
  role,
  get pid() {
    return server.pid;
  },
  kill: (signal = 'SIGKILL') => server.kill(signal),
  restart: () => server.restart({ empty: false }),
});

/** Over a connection of its own. @throws Error what the server says when it refuses */
export async function command(
  server: Address & { readonly password?: string | undefined },
  text: string,
): Promise<string> {
  const login = server.password === undefined ? '' : `AUTH ${server.password}\r\n`;
  const answered = await askRedis(server, `${login}${text}\r\nPING\r\n`, /\+PONG\r\n$/);
  const answer = login === '' ? answered : answered.replace(/^\+OK\r\n/, '');
  if (answer.startsWith('-') || answer === '') throw new Error(`startRedis: ${text}: ${answer.trim() || 'no answer'}`);
  return answer;
}

const patienceMs = 30_000;

/** Waits until it is so of every server. @throws Error when it is not in time */
export async function until<Server extends Address>(
  servers: readonly Server[],
  isSo: (server: Server) => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (const server of servers) {
    while (!(await isSo(server))) {
      if (Date.now() > deadline) {
        throw new Error(`startRedis: the servers did not find one another within ${patienceMs} ms`);
      }
      await wait(20);
    }
  }
}

/** Starts servers at once: all of them, or none. @throws Error why the first of those that fail does not start */
export async function startAll(starting: readonly Promise<RedisProcess>[]): Promise<RedisProcess[]> {
  const settled = await Promise.allSettled(starting);
  const servers = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed === undefined) return servers;
  await stopAll(servers);
  throw failed.reason;
}

/** Ends servers, and removes what they left behind. */
export const stopAll = async (servers: readonly RedisProcess[]): Promise<void> =>
  void (await Promise.all(servers.map((server) => server.stop())));
