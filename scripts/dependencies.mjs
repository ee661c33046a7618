// What a package brings with it, as the lock file has it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

/** The packages of the lock file, by their places: `node_modules/a/node_modules/b`, `packages/core`. */
export const readLock = (from = root) => JSON.parse(readFileSync(join(from, 'package-lock.json'), 'utf8')).packages;

/** Where Node finds a package that is asked for at a place; `undefined`: it is not installed, because it is optional. */
function placeOf(lock, from, name) {
  for (let at = from; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
    const place = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    const found = lock[place];
    if (found !== undefined) return found.link ? found.resolved : place;
    if (at === '') return undefined;
  }
}

/** Everything that comes along with the package at a place: its dependencies, theirs, and so on; without optional peers. */
export function installedWith(lock, place) {
  const found = new Set();
  const visit = (at) => {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = lock[at];
    const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const next = placeOf(lock, at, name);
      if (next === undefined || next === place || found.has(next)) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(place);
  return [...found].sort();
}
