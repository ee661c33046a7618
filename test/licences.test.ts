import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

/** Checks a project with one published package, which depends on `shipped`; `tool` is only there. */
function check(licences: Record<'shipped' | 'deep' | 'tool', unknown>): { status: number | null; output: string } {
  const root = mkdtempSync(join(tmpdir(), 'belfry-licences-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const write = (path: string, content: object) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), JSON.stringify(content));
  };
  write('packages/core/package.json', { name: '@belfry/core', version: '1.0.0' });
  for (const [name, license] of Object.entries(licences))
    write(`node_modules/${name}/package.json`, { name, version: '1.0.0', license });
  write('package-lock.json', {
    packages: {
      '': {},
      'packages/core': { dependencies: { shipped: '1.0.0' } },
      'node_modules/@belfry/core': { link: true, resolved: 'packages/core' },
      'node_modules/shipped': { dependencies: { deep: '1.0.0', absent: '1.0.0' } },
      'node_modules/deep': { peerDependencies: { tool: '1.0.0' }, peerDependenciesMeta: { tool: { optional: true } } },
      'node_modules/tool': { dev: true },
      'node_modules/of-another-platform': { optional: true },
    },
  });
  return run('--root', root);
}

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/licences.mjs', ...args], {
    encoding: 'utf8',
  });
  return { status, output: stderr + stdout };
}

it('our dependencies have licences that everybody can live with', () => {
  const { status, output } = run();
  expect(output).toMatch(/^licences: \d+ packages, all of them permissive where they are shipped\.\n$/);
  expect(status).toBe(0);
});

it('takes what is permissive, in the words of SPDX and in older ones', () => {
  for (const licence of ['MIT', '(MIT OR GPL-3.0)', 'MIT AND (ISC OR GPL-2.0)', { type: 'Apache-2.0' }])
    expect(check({ shipped: licence, deep: licence, tool: 'MPL-2.0' })).toMatchObject({ status: 0 });
});

it.each([
  ['GPL-3.0'],
  ['MPL-2.0'],
  ['MIT AND GPL-3.0'],
  ['UNLICENSED'],
  ['SEE LICENSE IN LICENSE'],
  ['MIT MIT'],
  [''],
  [undefined],
])('refuses to ship %j, however deep it lies', (licence) => {
  const { status, output } = check({ shipped: 'MIT', deep: licence, tool: 'MIT' });
  expect(status).toBe(1);
  expect(output).toMatch(/^deep@1\.0\.0: .*, which is shipped \(node_modules\/deep\)\nlicences: 1 of 3 packages/);
});

it('refuses a tool, too, whose licence is not on the list', () => {
  expect(check({ shipped: 'MIT', deep: 'MIT', tool: 'GPL-3.0' }).output).toMatch(/^tool@1\.0\.0: GPL-3\.0, a tool/);
});
