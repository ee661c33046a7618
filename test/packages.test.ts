import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const script = (name: string) => import(pathToFileURL(join(import.meta.dirname, '../scripts', `${name}.mjs`)).href);
const { installedWith, readLock } = await script('dependencies');
const { publishedPackages } = await script('pack');
const page = readFileSync('docs/packages.md', 'utf8');

interface Published {
  readonly folder: string;
  readonly manifest: { readonly name: string; readonly dependencies?: object };
}

it('docs/packages.md says of every published package what it brings along', () => {
  const lock = readLock();
  const rows = publishedPackages().map(({ folder, manifest }: Published) => {
    const direct = Object.keys(manifest.dependencies ?? {}).length;
    return [`\`${manifest.name}\``, `${direct}`, `${installedWith(lock, folder).length}`];
  });
  const told = [...page.matchAll(/^\| (`[^`]+`) \| [^|]+ \| [^|]+ \| \d+ \| (\d+) \| (\d+) \|$/gm)].map((row) =>
    row.slice(1),
  );
  // When this fails: npm run packages -- --write
  expect(told).toEqual(rows);
});
