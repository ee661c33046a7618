// npm run release:dry: what would be published now. In a copy of what is committed, the changesets are applied and the packages are packed.
// Nothing is uploaded, no registry is asked, and the working tree is left alone.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, install, root } from './prepare.mjs';

const code = (await install()) || (await build());
if (code !== 0) process.exit(code);
const { packAll, publishedPackages } = await import('./pack.mjs');

const copy = mkdtempSync(join(tmpdir(), 'belfry-release-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
const git = (...args) =>
  execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
git('clone', '--quiet', '--shared', root, copy);
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
for (const { folder } of publishedPackages())
  cpSync(join(root, folder, 'dist'), join(copy, folder, 'dist'), { recursive: true });

const before = new Map(publishedPackages(copy).map(({ manifest }) => [manifest.name, manifest.version]));
execFileSync(process.execPath, [join(root, 'node_modules/@changesets/cli/bin.js'), 'version'], {
  cwd: copy,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const packages = await packAll(copy, copy);
for (const { folder, manifest, size, files } of packages) {
  const { name, version } = manifest;
  const change =
    version === before.get(name) ? 'unchanged: would not be published' : `${before.get(name)} → ${version}`;
  console.log(`\n${name}  ${change}  (${Math.round(size / 1000)} kB, ${files.length} files)`);
  const changelog = join(copy, folder, 'CHANGELOG.md');
  if (existsSync(changelog)) console.log(latestOf(readFileSync(changelog, 'utf8')));
}
if (git('status', '--porcelain') !== '') console.log('\nWhat is not committed is not in it.');

/** What a changelog says of its newest version, the first line of each note. */
function latestOf(changelog) {
  const [, latest = ''] = changelog.split(/^## .*$/m);
  const notes = latest.split('\n').filter((line) => line.startsWith('- ') && !/Updated dependencies/.test(line));
  return notes.map((line) => `    ${line.length > 150 ? `${line.slice(0, 149)}…` : line}`).join('\n');
}
