import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unpackDebianPackages } from '@belfry/testing';

const run = promisify(execFile);

/** A Python that can `import redis`. */
export interface Python {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Finds a Python with redis-py: this machine's, else with Debian's or Ubuntu's python3-redis unpacked into the project's cache.
 * @throws Error saying what was tried
 */
export async function findPython(): Promise<Python> {
  return (await firstThatWorks(process.env)) ?? (await unpackedPython());
}

/** @throws Error when the package cannot be had, or is of no use here */
export async function unpackedPython(): Promise<Python> {
  const reason = 'no python3 here can import redis';
  const { root, env } = await unpackDebianPackages(['python3-redis'], { reason }).catch((error: unknown) => {
    throw new Error(`${reason}, and Debian's python3-redis cannot be had: ${error}`);
  });
  const python = await firstThatWorks({ ...env, PYTHONPATH: join(root, 'usr/lib/python3/dist-packages') });
  if (python === undefined) throw new Error(`${reason}, not even with the python3-redis in ${root}`);
  return python;
}

async function firstThatWorks(env: NodeJS.ProcessEnv): Promise<Python | undefined> {
  for (const command of ['python3', '/usr/bin/python3']) {
    const works = await run(command, ['-c', 'import redis'], { env }).then(
      () => true,
      () => false,
    );
    if (works) return { command, env };
  }
  return undefined;
}
