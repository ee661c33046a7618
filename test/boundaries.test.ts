import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const project = join(import.meta.dirname, '..');
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Checks a project made of these files. */
function check(files: Record<string, string | object>): { status: number | null; output: string } {
  const root = mkdtempSync(join(tmpdir(), 'belfry-boundaries-'));
  folders.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return run('--root', root);
}

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/boundaries.mjs', ...args], {
    cwd: project,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

const references = (...packages: string[]) => ({ references: packages.map((name) => ({ path: `../${name}` })) });
const versions = (...names: string[]) => Object.fromEntries(names.map((name) => [name, '1.0.0']));

/** A small house in which everything is in its place. */
const good = {
  'package.json': { devDependencies: versions('vitest', 'zod') },
  'tsconfig.json': {
    references: ['packages/contracts', 'packages/core', 'packages/redis', 'packages/runtime', 'examples/hello'].map(
      (path) => ({
        path,
      }),
    ),
  },
  'packages/contracts/package.json': { name: '@belfry/contracts', dependencies: versions('@standard-schema/spec') },
  'packages/contracts/tsconfig.json': {},
  'packages/contracts/src/index.ts': `
    // import { x } from 'ioredis' is only said in a comment
    import type { StandardSchemaV1 } from '@standard-schema/spec';
    export const text = "import 'node:fs'; process.exit()";
    export const data = { process: 1, Buffer: 2 };
    export const name = data.process;`,
  'packages/contracts/src/index.test.ts': `import 'vitest'; import 'zod'; import 'node:fs'; import '@belfry/testing'; process.exit();`,
  'packages/core/package.json': {
    name: '@belfry/core',
    exports: { '.': '', './memory': '' },
    dependencies: versions('@belfry/contracts'),
    peerDependencies: versions('vitest'),
  },
  'packages/core/tsconfig.json': references('contracts'),
  'packages/core/src/index.ts': `
    import 'node:async_hooks';
    export { text } from '@belfry/contracts';
    export * from './types-only.js';
    const handle = (process: { exit(): void }) => process.exit();
    const { Buffer } = handle as never;`,
  'packages/core/src/types-only.ts': `import type * as index from './index.js'; export type Index = typeof index;`,
  'packages/core/src/memory/index.ts': `export {} from '../index.js';`,
  'packages/core/src/conformance/index.ts': `import { it } from 'vitest';`,
  'packages/redis/package.json': {
    name: '@belfry/redis',
    exports: { '.': '', './lua/*.lua': '' },
    dependencies: versions('@belfry/core', 'ioredis'),
  },
  'packages/redis/tsconfig.json': references('core'),
  'packages/redis/src/index.ts': `import '@belfry/core'; import '@belfry/core/memory'; import 'ioredis/built/x.js';`,
  'packages/redis/test/world.ts': `import '../src/index.js'; import '@belfry/redis/lua/publish.lua'; import '../package.json';`,
  'packages/runtime/package.json': { name: '@belfry/runtime', dependencies: versions('@belfry/redis', 'pino') },
  'packages/runtime/tsconfig.json': references('redis'),
  'packages/runtime/src/index.ts': `import '@belfry/redis'; import 'pino'; process.on('SIGTERM', () => {});`,
  'examples/hello/package.json': { name: 'hello', dependencies: versions('zod') },
  'examples/hello/tsconfig.json': {},
  'examples/hello/src/main.ts': `import 'zod'; import 'node:util'; process.exitCode = 0;`,
};

it('passes the real house', { timeout: 60_000 }, () => {
  const { status, output } = run();
  expect(output).toMatch(/^boundaries: \d+ files of \d+ packages and examples keep to their rooms\.\n$/);
  expect(status).toBe(0);
});

it('passes a house in which everything is in its place', () => {
  const { status, output } = check(good);
  expect(output).toBe('boundaries: 10 files of 5 packages and examples keep to their rooms.\n');
  expect(status).toBe(0);
});

describe('a house in which everything is wrong', () => {
  /** What each of these must be told, beside the file's name. */
  const offending: [path: string, content: string, ...told: string[]][] = [
    ['contracts/src/a.ts', `import { z } from 'zod';`, 'imports zod', 'Contracts are shared with browsers'],
    [
      'contracts/src/b.ts',
      `import { readFileSync } from 'node:fs';`,
      'imports node:fs',
      'Contracts are shared with browsers',
    ],
    [
      'contracts/src/c.ts',
      `export const size = (text: string) => Buffer.byteLength(text);`,
      'uses Buffer',
      'run in a browser',
    ],
    ['contracts/src/d.ts', `export const env = process.env;`, 'uses process', 'Only runtime touches process'],
    [
      'contracts/src/e.ts',
      `import { StandardSchemaV1 } from '@standard-schema/spec';`,
      'imports more than types',
      'import type',
    ],
    ['contracts/src/f.ts', `export type Bus = import('@belfry/core').Bus;`, 'imports @belfry/core', 'Contracts'],
    ['core/src/a.ts', `import Redis from 'ioredis';`, 'imports ioredis', 'Core knows contracts and Node'],
    ['core/src/b.ts', `export * from '@belfry/redis';`, 'imports @belfry/redis', 'never the other way round'],
    ['core/src/c.ts', `const pino = await import('pino');`, 'imports pino', 'Core'],
    ['core/src/d.ts', 'const pino = await import(`pino`);', 'imports pino', 'Core'],
    ['core/src/e.ts', `const pino = require('pino');`, 'imports pino', 'Core'],
    ['core/src/f.ts', `import pino = require('pino');`, 'imports pino', 'Core'],
    ['core/src/g.ts', `export type Log = import('pino').Logger;`, 'imports pino', 'Core'],
    ['core/src/h.ts', `import type { Logger } from 'pino';`, 'imports pino', 'Core'],
    ['core/src/i.ts', `const path = import.meta.resolve('pino');`, 'imports pino', 'Core'],
    ['core/src/j.ts', `const name = 'pi' + 'no'; await import(name);`, 'only known at run time', 'write the name out'],
    ['core/src/k.ts', `import { it } from 'vitest';`, 'imports vitest', 'src/conformance only'],
    ['core/src/l.ts', `import process from 'node:process';`, 'imports node:process', 'Only runtime'],
    ['core/src/m.ts', `globalThis.process.exit();`, 'uses process', 'Only runtime'],
    ['core/src/n.ts', `import '../../contracts/src/index.js';`, 'out of packages/core/src', 'by its name'],
    ['core/src/o.ts', `import '../test/helper.js';`, 'out of packages/core/src', 'by its name'],
    ['core/src/p.ts', `import '@belfry/core';`, 'its own package', 'import the file itself'],
    ['core/src/q.test.ts', `import '../../contracts/src/index.js';`, 'out of packages/core', 'by its name'],
    ['core/src/r.test.ts', `import 'pino';`, 'imports pino', 'Core'],
    [
      'redis/src/a.ts',
      `import { Bus } from '@belfry/core/src/bus.js';`,
      'which @belfry/core does not publish',
      '., ./memory',
    ],
    [
      'redis/src/b.ts',
      `import { Subscribe } from '@belfry/handlers';`,
      'imports @belfry/handlers',
      'The Redis transport',
    ],
    ['redis/test/c.ts', `import '@belfry/core/dist/bus.js';`, 'which @belfry/core does not publish', '., ./memory'],
    ['runtime/src/a.ts', `import 'express';`, 'imports express', 'The runtime puts the packages above together'],
  ];
  let output = '';
  let status: number | null = 0;
  beforeAll(() => {
    const bad = Object.fromEntries(offending.map(([path, content]) => [`packages/${path}`, `\n${content}`]));
    ({ output, status } = check({
      ...good,
      ...bad,
      'packages/core/src/one.ts': `import './two.js';`,
      'packages/core/src/two.ts': `export * from './three.js';`,
      'packages/core/src/three.ts': `import { type One } from './one.js';`,
      'packages/redis/package.json': {
        name: '@belfry/redis',
        exports: { '.': '' },
        dependencies: versions('@belfry/contracts', '@belfry/core', 'lodash'),
      },
      'packages/redis/tsconfig.json': references('contracts'),
      'packages/attic/package.json': { name: '@belfry/attic' },
      'examples/hello/src/main.ts': `import '@belfry/core'; import 'zod';`,
      'examples/hello/src/deep.ts': `import '../../../packages/core/src/index.js';`,
    }));
  });

  it('is refused', () => {
    expect(status).toBe(1);
    expect(output).toMatch(/boundaries: \d+ offences in \d+ files\.\n$/);
  });

  it.each(offending)('because of packages/%s: %s', (path, _, what, why) => {
    const [told] = output.split(/\n(?! {4})/).filter((offence) => offence.startsWith(`packages/${path}:2 `));
    expect(told).toContain(what);
    expect(told).toContain(why);
  });

  it.each([
    [
      'packages/core/src/one.ts is part of a circle: src/one.ts → src/two.ts → src/three.ts → src/one.ts',
      'import types only',
    ],
    ['packages/redis/package.json does not declare ioredis', 'packages/redis/src/index.ts:1 imports it'],
    ['packages/redis/package.json declares lodash', 'would install it for nothing'],
    ['packages/redis/package.json declares @belfry/contracts', 'would install it for nothing'],
    ['packages/redis/tsconfig.json has no reference to packages/core', 'too late'],
    ['packages/redis/tsconfig.json refers to packages/contracts', 'in vain'],
    [
      'packages/redis/test/world.ts:1 imports @belfry/redis/lua/publish.lua, which @belfry/redis does not publish',
      'entry points',
    ],
    ['packages/attic/package.json is in no room of the house', 'scripts/boundaries.mjs'],
    ['packages/attic/tsconfig.json is missing', 'project of its own'],
    ['tsconfig.json has no reference to packages/attic', 'would not see it'],
    ['examples/hello/src/main.ts:1 imports @belfry/core', 'what a user would write'],
    [
      'examples/hello/src/deep.ts:1 imports ../../../packages/core/src/index.js, out of examples/hello/src',
      'by its name',
    ],
  ])('and of %s', (what, why) => {
    const told = output.split(/\n(?! {4})/).find((offence) => offence.startsWith(what));
    expect(told).toContain(why);
  });

  it('and says nothing of what is right', () => {
    for (const path of [
      'contracts/src/index',
      'core/src/index',
      'core/src/types-only',
      'core/src/memory',
      'runtime/src/index',
    ])
      expect(output).not.toContain(`packages/${path}.ts:`);
    expect(output).not.toContain('packages/core/src/conformance');
  });
});

it('says which file it cannot read', () => {
  const { status, output } = check({ ...good, 'packages/core/src/broken.ts': 'export const = 7;' });
  expect(status).toBe(1);
  expect(output).toContain('packages/core/src/broken.ts');
});
