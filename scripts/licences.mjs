// npm run licences: no dependency has a licence that we, or those who install our packages, could not live with.
// What the published packages bring along is judged more strictly than the tools of this repository.
//
//   --root <folder>                      another project than this one
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installedWith, readLock } from './dependencies.mjs';
import { publishedPackages } from './pack.mjs';

const { values } = parseArgs({ options: { root: { type: 'string' } } });
const root = resolve(values.root ?? join(import.meta.dirname, '..'));

/** Asks for no more than to be named. */
const permissive = [
  'MIT',
  'MIT-0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
];
/** May stand beside, in what nobody ships: changes of its own files would have to be published, or its data's authors be named. */
const beside = ['MPL-2.0', 'CC-BY-3.0', 'CC-BY-4.0', 'Python-2.0'];
/** Whose package.json does not say it, or not in words that SPDX knows: read by hand. */
const readByHand = { spawndamnit: 'MIT' };

const lock = readLock(root);
const shipped = new Set(publishedPackages(root).flatMap(({ folder }) => installedWith(lock, folder)));
const offences = [];
let looked = 0;
for (const [place, entry] of Object.entries(lock)) {
  const file = join(root, place, 'package.json');
  // Workspaces are ours; what is made for another platform is not here.
  if (!place.includes('node_modules/') || entry.link || !existsSync(file)) continue;
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  const said = readByHand[manifest.name] ?? licenceOf(manifest);
  looked++;
  const allowed = shipped.has(place) ? permissive : [...permissive, ...beside];
  if (!satisfies(said, allowed))
    offences.push(
      `${manifest.name}@${manifest.version}: ${said || 'no licence is named'}, ${shipped.has(place) ? 'which is shipped' : 'a tool'} (${place})`,
    );
}
for (const offence of offences) console.error(offence);
console.log(
  offences.length === 0
    ? `licences: ${looked} packages, all of them permissive where they are shipped.`
    : `licences: ${offences.length} of ${looked} packages have one that is not on the list of scripts/licences.mjs.`,
);
process.exitCode = offences.length === 0 ? 0 : 1;

/** Old packages say it as an object, or as a list of them. */
function licenceOf({ license, licenses }) {
  if (typeof license === 'string') return license;
  const all = (Array.isArray(licenses) ? licenses : [license ?? licenses]).map((each) => each?.type ?? each);
  return all.filter((each) => typeof each === 'string').join(' OR ');
}

/** Whether an SPDX expression can be met: of alternatives (OR) one must be allowed, of a sum (AND) all. */
function satisfies(expression, allowed) {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const one = () => {
    const token = tokens[at++];
    if (token !== '(') return allowed.includes(token);
    const inner = any();
    at++; // the closing bracket
    return inner;
  };
  const all = () => {
    let met = one();
    for (; tokens[at] === 'AND'; ) {
      at++;
      met = one() && met;
    }
    return met;
  };
  const any = () => {
    let met = all();
    for (; tokens[at] === 'OR'; ) {
      at++;
      met = all() || met;
    }
    return met;
  };
  return any() && at === tokens.length;
}
