// npm run packages [-- --write]: packs every published package, and looks at the tarballs as npm and TypeScript would.
// It fails on whatever publint (errors, warnings, suggestions) and attw find (ES modules only: nobody can `require` them in every Node),
// and on what does not belong into a tarball or is missing there. --write brings the table in docs/packages.md up to date.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, install, root } from './prepare.mjs';

const { values: options } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const code = (await install()) || (await build());
if (code !== 0) process.exit(code);

const { publint } = await import('publint');
const { formatMessage } = await import('publint/utils');
const { installedWith, readLock } = await import('./dependencies.mjs');
const { packAll } = await import('./pack.mjs');

const folder = mkdtempSync(join(tmpdir(), 'belfry-packages-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const lock = readLock();
const packages = await packAll(folder);
const rows = [];
let findings = 0;
for (const each of packages) {
  const { manifest, size, unpackedSize, files } = each;
  const found = [...ownFindings(each), ...(await publintFindings(each)), ...(await attwFindings(each))];
  findings += found.length;
  for (const finding of found) console.error(`${manifest.name}: ${finding}`);
  rows.push({
    name: manifest.name,
    packed: kilobytes(size),
    unpacked: kilobytes(unpackedSize),
    files: files.length,
    direct: Object.keys(manifest.dependencies ?? {}).length,
    installed: installedWith(lock, each.folder).length,
  });
}
const table = [
  '| package | packed | unpacked | files | dependencies of its own | all that is installed with it |',
  '| --- | ---: | ---: | ---: | ---: | ---: |',
  ...rows.map(
    ({ name, packed, unpacked, files, direct, installed }) =>
      `| \`${name}\` | ${packed} | ${unpacked} | ${files} | ${direct} | ${installed} |`,
  ),
].join('\n');
console.log(`${table}\n`);
if (options.write) {
  const page = join(root, 'docs/packages.md');
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, text.replace(/(<!-- table: packages -->\n\n)[\s\S]*?(\n\n<!-- \/table -->)/, `$1${table}$2`));
}
console.log(
  findings === 0
    ? `${packages.length} packages: nothing found by publint, attw and what we look at ourselves.`
    : `${findings} findings.`,
);
process.exitCode = findings === 0 ? 0 : 1;

/** What belongs into a tarball, and what does not. */
function* ownFindings({ manifest, files }) {
  const isLibrary = manifest.exports['.'] !== undefined; // else it is a program
  const entries = isLibrary
    ? ['dist/index.js', 'dist/index.d.ts']
    : Object.values(manifest.bin).map((path) => path.replace('./', ''));
  for (const name of ['LICENSE', 'README.md', 'package.json', ...entries])
    if (!files.includes(name)) yield `${name} is missing.`;
  // A scaffold's template has tests: those of the project that it makes.
  for (const name of files.filter((path) => !path.startsWith('template/')))
    if (/\.test(-d)?\.|(^|\/)test\/|\.tsbuildinfo$|(^|\/)\./.test(name)) yield `${name} does not belong into it.`;
  if (isLibrary) yield* withoutSource(files);
  for (const field of ['description', 'keywords', 'license', 'engines', 'exports', 'files'])
    if (manifest[field] === undefined) yield `package.json has no ${field}.`;
  if (isLibrary && manifest.sideEffects === undefined) yield 'package.json does not say whether it has side effects.';
  if (manifest.type !== 'module') yield 'package.json does not say "type": "module".';
  if (manifest.engines?.node !== '>=20.19') yield 'package.json names other engines than Node >=20.19.';
  if (manifest.publishConfig?.access !== 'public') yield 'package.json does not say that it is public.';
  for (const [name, range] of Object.entries(manifest.dependencies ?? {}))
    if (name.startsWith('@belfry/') && range !== manifest.version)
      yield `it wants another ${name} than its own version.`;
}

/** What a debugger and an editor look for beside the code. */
function* withoutSource(files) {
  for (const name of files.filter((path) => path.startsWith('dist/') && path.endsWith('.js')))
    for (const other of [`${name}.map`, name.replace(/\.js$/, '.d.ts'), name.replace(/^dist\/(.*)\.js$/, 'src/$1.ts')])
      if (!files.includes(other)) yield `${other} is missing beside ${name}.`;
}

async function publintFindings({ tarball }) {
  const { messages, pkg } = await publint({
    pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer },
    level: 'suggestion',
    strict: true,
  });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false })}`);
}

/** https://github.com/arethetypeswrong/arethetypeswrong.github.io: does TypeScript find what Node finds? */
async function attwFindings({ tarball, manifest }) {
  const notCode = Object.keys(manifest.exports).filter((path) => path.includes('*')); // Lua scripts
  const args = [tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji'];
  if (notCode.length > 0) args.push('--exclude-entrypoints', ...notCode);
  const { code, output } = await outputOf(join(root, 'node_modules/.bin/attw'), args);
  return code === 0 ? [] : [`attw:\n${output.trim()}`];
}

function outputOf(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    child.on('error', reject).on('close', (code) => resolve({ code, output }));
  });
}

function kilobytes(bytes) {
  return `${Math.max(1, Math.round(bytes / 1000))} kB`;
}
