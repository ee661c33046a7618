import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findExecutable } from './executable.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'belfry-path-'));
  await mkdir(join(folder, 'a', 'redis-server'), { recursive: true });
  await mkdir(join(folder, 'b'));
  await writeFile(join(folder, 'a', 'notes'), '');
  for (const name of ['redis-server', 'valkey-server']) {
    await writeFile(join(folder, 'b', name), '');
    await chmod(join(folder, 'b', name), 0o755);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const search = (...names: string[]) => findExecutable(names, { PATH: `${folder}/a:${folder}/b` });

it('finds a program, and passes by a folder of that name', () => {
  expect(search('redis-server')).toBe(join(folder, 'b', 'redis-server'));
});

it('prefers the earlier name to the earlier folder', () => {
  expect(search('missing', 'valkey-server', 'redis-server')).toBe(join(folder, 'b', 'valkey-server'));
});

it('finds neither what is not there nor what cannot be run', () => {
  expect(search('missing')).toBeUndefined();
  expect(search('notes')).toBeUndefined();
  expect(findExecutable(['redis-server'], {})).toBeUndefined();
});

it('takes a path as it is', () => {
  const path = join(folder, 'b', 'redis-server');
  expect(search(path)).toBe(path);
  expect(search(join(folder, 'a', 'redis-server'))).toBeUndefined();
});
