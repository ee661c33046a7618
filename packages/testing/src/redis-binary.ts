import { unpackDebianPackages } from './debian-package.js';
import { findExecutable } from './executable.js';
import type { RedisProgram } from './redis-process.js';

/** The first `redis-server`, else `valkey-server`, in the folders of `PATH`. @throws Error when there is none. */
export function installedRedisServer(): RedisProgram {
  const command = findExecutable(['redis-server', 'valkey-server']);
  if (!command) throw new Error('no redis-server and no valkey-server in the folders of PATH');
  return { command, env: process.env };
}

/** The distribution's Redis, from a cache folder of the project: see {@link unpackDebianPackages}. */
export async function packagedRedisServer(): Promise<RedisProgram> {
  return await packagedProgram('redis-server', 'no Redis found');
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
