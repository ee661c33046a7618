import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findExecutable } from './executable.js';
import { withFileLock } from './file-lock.js';
import { projectCacheDir } from './project-cache.js';

const run = promisify(execFile);

/** Options of {@link unpackDebianPackages}. */
export interface UnpackOptions {
  /** Where to keep what was unpacked. Default: `node_modules/.cache/belfry` of the project. */
  readonly cacheDir?: string;
  /** Why it is needed: starts the line that is printed before a download, as in `no Redis found`. Default: none. */
  readonly reason?: string;
  /** Prints the line. Default: to stderr. */
  readonly say?: (line: string) => void;
}

/** Packages that lie unpacked in a cache folder. */
export interface UnpackedPackages {
  /** The folder that stands for `/`: programs are in `<root>/usr/bin`. */
  readonly root: string;
  /** This process's environment, with `PATH` and `LD_LIBRARY_PATH` leading to the unpacked programs and libraries. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Unpacks packages of the Debian or Ubuntu that this runs on into a cache folder, with those packages they depend on
 * that the system lacks. Nothing is installed, nothing of the system is changed and no root is needed. The named
 * packages are fetched even when the system has them. What is cached already is returned within milliseconds;
 * of several processes that ask at once, one downloads and the others wait for it.
 *
 * A Python module package such as `python3-redis` ends up in `<root>/usr/lib/python3/dist-packages`.
 * @throws Error when the system has no `apt-get` and `dpkg-deb`, or with what apt said when the download failed.
 */
export async function unpackDebianPackages(
  names: readonly string[],
  { cacheDir = projectCacheDir(), reason, say = sayToStderr }: UnpackOptions = {},
): Promise<UnpackedPackages> {
  const system = await debianSystem();
  const home = join(cacheDir, `${system.id}-${system.version}-${arch()}`);
  const root = join(home, [...names].sort().join('+'));
  if (!existsSync(root)) {
    await mkdir(home, { recursive: true });
    await withFileLock(`${root}.lock`, async () => {
      if (existsSync(root)) return; // another process was faster
      say(`belfry: ${reason ? `${reason}; ` : ''}unpacking ${system.name}'s ${names.join(', ')} into ${root}`);
      await downloadInto(root, names);
    });
  }
  return { root, env: await environmentFor(root) };
}

async function downloadInto(root: string, names: readonly string[]): Promise<void> {
  const work = await mkdtemp(`${root}.work-`);
  try {
    const unpacked = join(work, 'root');
    await mkdir(unpacked);
    for (const archive of await download(names, work)) {
      await run('dpkg-deb', ['--extract', archive, unpacked]);
    }
    // A folder under the final name is therefore always complete, whenever this process dies.
    await rename(unpacked, root).catch((error) => {
      if (!existsSync(root)) throw error; // else somebody else finished first: theirs is as good
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(names: readonly string[], work: string): Promise<string[]> {
  const archives = join(work, 'archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(join(work, 'lists', 'partial'), { recursive: true });
  await writeFile(join(work, 'status'), withoutPackages(await readFile('/var/lib/dpkg/status', 'utf8'), names));
  const config = join(work, 'apt.conf');
  await writeFile(config, aptConfig(work));
  const apt = (...args: string[]) =>
    run('apt-get', ['-c', config, '-q', ...args], { env: { ...process.env, LC_ALL: 'C' } });

  // A third-party source that cannot be read fails the update, though what we need may well be there: the download tells.
  const updated = await apt('update').then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    await apt('install', '--download-only', '--yes', '--no-install-recommends', ...names);
  } catch (error) {
    throw new Error(`apt-get could not download ${names.join(', ')}:\n${output(updated)}${output(error)}`.trimEnd(), {
      cause: error,
    });
  }
  return (await readdir(archives)).filter((file) => file.endsWith('.deb')).map((file) => join(archives, file));
}

/** apt's settings: every folder that it writes lies in `work`, and no hook of the system runs. */
function aptConfig(work: string): string {
  return `
    #clear APT::Update::Pre-Invoke;
    #clear APT::Update::Post-Invoke;
    #clear APT::Update::Post-Invoke-Success;
    #clear DPkg::Pre-Invoke;
    #clear DPkg::Post-Invoke;
    #clear DPkg::Pre-Install-Pkgs;
    #clear Acquire::IndexTargets::deb::DEP-11;
    #clear Acquire::IndexTargets::deb::Contents-deb;
    #clear Acquire::IndexTargets::deb::CNF;
    Acquire::http::Timeout "15";
    Acquire::https::Timeout "15";
    Acquire::Languages "none";
    Acquire::Retries "2";
    APT::Sandbox::User "root";
    Debug::NoLocking "true";
    Dir::Cache "${work}";
    Dir::Cache::archives "${join(work, 'archives')}";
    Dir::Cache::pkgcache "";
    Dir::Cache::srcpkgcache "";
    Dir::Log "${work}";
    Dir::State "${work}";
    Dir::State::lists "${join(work, 'lists')}";
    Dir::State::status "${join(work, 'status')}";
  `;
}

/** dpkg's list of installed packages without `names`: apt then fetches these, and of their dependencies what is missing. */
function withoutPackages(status: string, names: readonly string[]): string {
  return status
    .split(/\n\n+/)
    .filter((entry) => !names.includes(/^Package: (.*)$/m.exec(entry)?.[1] ?? ''))
    .join('\n\n');
}

async function environmentFor(root: string): Promise<NodeJS.ProcessEnv> {
  // Libraries lie in folders named after the machine, such as usr/lib/x86_64-linux-gnu.
  const folders = await Promise.all(
    ['usr/lib', 'lib'].map(async (lib) => {
      const inside = await readdir(join(root, lib)).catch(() => []);
      return [...inside.filter((name) => name.includes('-linux-')), ''].map((name) => join(root, lib, name));
    }),
  );
  const { PATH, LD_LIBRARY_PATH } = process.env;
  return {
    ...process.env,
    PATH: joinPaths(join(root, 'usr/bin'), PATH),
    LD_LIBRARY_PATH: joinPaths(...folders.flat(), LD_LIBRARY_PATH),
  };
}

const joinPaths = (...paths: (string | undefined)[]): string => paths.filter((path) => path).join(':');

async function debianSystem(): Promise<{ id: string; name: string; version: string }> {
  if (!findExecutable(['apt-get']) || !findExecutable(['dpkg-deb'])) {
    throw new Error('this system has no apt-get and dpkg-deb: it is not a Debian or Ubuntu');
  }
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (key: string) => new RegExp(`^${key}="?([^"\\n]*)`, 'm').exec(release)?.[1];
  return {
    id: field('ID') ?? 'debian',
    name: field('NAME')?.split(' ')[0] ?? 'Debian',
    version: field('VERSION_ID') ?? field('VERSION_CODENAME') ?? 'unknown',
  };
}

function output(error: unknown): string {
  if (error === undefined) return '';
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return `${said.trim()}\n`;
}

function sayToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
