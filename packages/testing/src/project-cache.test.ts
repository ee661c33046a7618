import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectCacheDir } from './project-cache.js';

let folder: string;
const below = (...path: string[]) => join(folder, ...path);
const cacheIn = (...path: string[]) => below(...path, 'node_modules', '.cache', 'belfry');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'belfry-cache-'));
  await mkdir(below('monorepo/packages/one/src'), { recursive: true });
  await mkdir(below('single/src'), { recursive: true });
  await mkdir(below('nothing'));
  await writeFile(below('monorepo/package.json'), '{ "workspaces": ["packages/*"] }');
  await writeFile(below('monorepo/packages/one/package.json'), '{}');
  await writeFile(below('single/package.json'), '{}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('is that of the workspaces root, from any package in it', () => {
  expect(projectCacheDir(below('monorepo/packages/one/src'))).toBe(cacheIn('monorepo'));
});

it('is that of the package, where there are no workspaces', () => {
  expect(projectCacheDir(below('single/src'))).toBe(cacheIn('single'));
});

it('is that of the folder itself, outside of any package', () => {
  expect(projectCacheDir(below('nothing'))).toBe(cacheIn('nothing'));
});
