// What `npm publish` would upload: a tarball of each published package.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './prepare.mjs';

const execute = promisify(execFile);

/** The published packages with their package.json, in the order of the house. */
export function publishedPackages(from = root) {
  const order = ['contracts', 'core', 'redis', 'handlers', 'runtime', 'testing', 'belfry', 'create-belfry'];
  const rank = (folder) => (order.includes(folder) ? order.indexOf(folder) : order.length);
  return readdirSync(join(from, 'packages'))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((folder) => ({
      folder: `packages/${folder}`,
      manifest: JSON.parse(readFileSync(join(from, 'packages', folder, 'package.json'), 'utf8')),
    }))
    .filter(({ manifest }) => !manifest.private);
}

/**
 * Packs them into a folder. They must have been built.
 * @returns for each what it is, where its tarball lies, and what npm says of it
 */
export async function packAll(folder, from = root) {
  const packages = publishedPackages(from);
  const chosen = packages.flatMap(({ folder }) => ['--workspace', folder]);
  const args = ['pack', ...chosen, '--json', '--pack-destination', folder, '--ignore-scripts', '--loglevel=error'];
  const { stdout } = await execute('npm', args, {
    cwd: from,
    maxBuffer: 64 * 2 ** 20,
    shell: process.platform === 'win32',
  });
  const said = JSON.parse(stdout);
  const packed = new Map((Array.isArray(said) ? said : Object.values(said)).map((each) => [each.name, each]));
  return packages.map(({ folder: place, manifest }) => {
    const { filename, size, unpackedSize, files } = packed.get(manifest.name);
    return {
      folder: place,
      manifest,
      tarball: join(folder, filename),
      size,
      unpackedSize,
      files: files.map(({ path }) => path),
    };
  });
}
