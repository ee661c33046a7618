import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withFileLock } from './file-lock.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'belfry-lock-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('lets one in at a time, and leaves nothing behind', async () => {
  const path = join(folder, 'busy');
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise(setImmediate);
    inside--;
  };
  await Promise.all(Array.from({ length: 5 }, () => withFileLock(path, work)));
  expect(most).toBe(1);
  expect(existsSync(path)).toBe(false);
});

it('returns what the work returns, and is free again after the work failed', async () => {
  const path = join(folder, 'failing');
  await expect(withFileLock(path, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
  expect(await withFileLock(path, async () => 42)).toBe(42);
});

it('breaks the lock of a process that has died', async () => {
  const path = join(folder, 'dead');
  await writeFile(path, String(spawnSync('true').pid));
  expect(await withFileLock(path, async () => 'in')).toBe('in');
});

it('breaks a lock that is ten minutes old', async () => {
  const path = join(folder, 'old');
  await writeFile(path, String(process.pid));
  await utimes(path, new Date(), new Date(Date.now() - 11 * 60_000));
  expect(await withFileLock(path, async () => 'in')).toBe('in');
});

it('fails when the lock cannot be written', async () => {
  await expect(withFileLock(join(folder, 'missing', 'lock'), async () => 1)).rejects.toThrow('ENOENT');
});
