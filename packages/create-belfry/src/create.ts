import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

/** What is to be made, and where. */
export interface Plan {
  /** The folder: it must be empty, or not be there. Its last part is the name of the project. */
  readonly folder: string;
  /** The version of Belfry that the project asks for. */
  readonly version: string;
  /** A folder with packed packages (`npm pack`) to install Belfry from, instead of the registry. */
  readonly tarballs?: string | undefined;
}

/** Says what is wrong with how it was called. */
export class CannotCreate extends Error {}

const template = join(import.meta.dirname, '..', 'template');
/** npm takes no .gitignore into a package, and would take these for its own. */
const renamed = { _gitignore: '.gitignore', _dockerignore: '.dockerignore', '_package.json': 'package.json' };

/**
 * Makes a project. Resolves with its folder.
 * @throws CannotCreate when the folder is not empty, its name is none for a package, or a packed package is missing
 */
export async function create({ folder, version, tarballs }: Plan): Promise<string> {
  const target = resolve(folder);
  const name = basename(target);
  if (!/^[a-z0-9][a-z0-9._-]{0,213}$/.test(name)) {
    throw new CannotCreate(
      `${name} is no name for a package: it may have small letters, digits, - . and _, and begins with a letter or digit`,
    );
  }
  if (!(await isEmpty(target))) throw new CannotCreate(`${target} is not empty`);
  const packages = tarballs === undefined ? undefined : await packagesIn(resolve(tarballs));

  await mkdir(target, { recursive: true });
  await cp(template, target, { recursive: true });
  for (const [from, to] of Object.entries(renamed)) await rename(join(target, from), join(target, to));
  for (const file of ['package.json', 'README.md']) {
    const path = join(target, file);
    await writeFile(
      path,
      (await readFile(path, 'utf8')).replaceAll('my-app', name).replaceAll('0.0.0-belfry', version),
    );
  }
  if (packages !== undefined) await installFrom(packages, join(target, 'package.json'));
  return target;
}

async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).every((name) => name === '.git');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw new CannotCreate(`${folder} is no folder`);
  }
}

/** `belfry-core-0.1.0.tgz` is @belfry/core. */
async function packagesIn(folder: string): Promise<Map<string, string>> {
  const packages = new Map<string, string>();
  for (const file of await readdir(folder).catch(() => [])) {
    const [, scoped, own] = /^(?:belfry-([a-z]+)|(belfry))-\d.*\.tgz$/.exec(file) ?? [];
    const name = scoped === undefined ? own : `@belfry/${scoped}`;
    if (name !== undefined) packages.set(name, `file:${join(folder, file)}`);
  }
  for (const name of ['belfry', '@belfry/testing'])
    if (!packages.has(name)) throw new CannotCreate(`${folder} has no packed ${name}`);
  return packages;
}

async function installFrom(packages: ReadonlyMap<string, string>, path: string): Promise<void> {
  const json = JSON.parse(await readFile(path, 'utf8'));
  for (const group of [json.dependencies, json.devDependencies])
    for (const name of Object.keys(group)) group[name] = packages.get(name) ?? group[name];
  // What one of them needs of another is here, too. npm wants what is a dependency as well to be said in the same way.
  json.overrides = Object.fromEntries(packages);
  await writeFile(path, `${JSON.stringify(json, null, 2)}\n`);
}
