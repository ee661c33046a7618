import { execFileSync } from 'node:child_process';
import { unpackDebianPackages } from './debian-package.js';
import { findExecutable } from './executable.js';
import type { RedisProgram } from './redis-process.js';

/** Sharded Pub/Sub, which Belfry stands on, came with Redis 7.0. */
const OLDEST = 7;

/** The name of a program in `PATH`, or its path, that is to be used instead of the first `redis-server` or `valkey-server`. */
export const chosenRedisServer = (): string | undefined => process.env.BELFRY_TEST_REDIS_SERVER || undefined;

/**
 * A program on this machine.
 * @param chosen the name of a program in `PATH`, or its path. Default: what `BELFRY_TEST_REDIS_SERVER` says, else the first `redis-server`,
 * else `valkey-server`, in the folders of `PATH`
 * @throws Error when there is none, or when it is older than Redis 7.0.
 */
export function installedRedisServer(chosen = chosenRedisServer()): RedisProgram {
  const command = findExecutable(chosen === undefined ? ['redis-server', 'valkey-server'] : [chosen]);
  if (!command) throw new Error(`no ${chosen ?? 'redis-server and no valkey-server'} in the folders of PATH`);
  return refuseOld({ command, env: process.env });
}

/** The distribution's Redis, from a cache folder of the project: see {@link unpackDebianPackages}. */
export async function packagedRedisServer(): Promise<RedisProgram> {
  return refuseOld(await packagedProgram('redis-server', 'no Redis found'));
}

function refuseOld(program: RedisProgram): RedisProgram {
  const { command, env } = program;
  const version = /\bv=(\d+)\.\S*/.exec(execFileSync(command, ['--version'], { encoding: 'utf8', env }));
  if (version && Number(version[1]) < OLDEST) {
    throw new Error(`${command} is Redis ${version[0].slice(2)}; Belfry needs ${OLDEST}.0 or later`);
  }
  return program;
}

/**
 * A `redis-cli` to run: the first `redis-cli`, else `valkey-cli`, in the folders of `PATH`; on Debian and Ubuntu else
 * the distribution's, unpacked as {@link unpackDebianPackages} does.
 * @throws Error when there is neither.
 */
export async function findRedisCli(): Promise<{ command: string; env: NodeJS.ProcessEnv }> {
  const command = findExecutable(['redis-cli', 'valkey-cli']);
  return command ? { command, env: process.env } : await packagedProgram('redis-cli', 'no redis-cli found');
}

async function packagedProgram(name: string, reason: string): Promise<RedisProgram> {
  // redis-server's program is a link to one that redis-tools brings, as it does redis-cli.
  const { root, env } = await unpackDebianPackages(['redis-server', 'redis-tools'], { reason });
  return { command: `${root}/usr/bin/${name}`, env };
}
