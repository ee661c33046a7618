import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CannotCreate, create } from './create.js';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'create-belfry-'));
});
afterEach(() => rm(parent, { recursive: true }));

const read = (...path: string[]) => readFile(join(parent, ...path), 'utf8');

describe('create-belfry', () => {
  it('makes a project by the name of its folder, which asks for the same release', async () => {
    await create({ folder: join(parent, 'ticket-office'), version: '1.2.3' });
    const { name, dependencies, devDependencies, overrides } = JSON.parse(await read('ticket-office', 'package.json'));
    expect(name).toBe('ticket-office');
    expect(dependencies.belfry).toBe('1.2.3');
    expect(devDependencies['@belfry/testing']).toBe('1.2.3');
    expect(overrides).toBeUndefined();
    const files = await readdir(join(parent, 'ticket-office'));
    expect(files).toEqual(
      expect.arrayContaining(['.gitignore', '.dockerignore', 'Dockerfile', 'docker-compose.yml', 'src']),
    );
    expect(files.filter((file) => file.startsWith('_'))).toEqual([]);
    for (const file of ['README.md', 'docker-compose.yml', 'package.json'])
      expect(await read('ticket-office', file), file).not.toMatch(/my-app|0\.0\.0-belfry/);
  });

  it('takes a folder that holds nothing but a repository', async () => {
    await mkdir(join(parent, 'app', '.git'), { recursive: true });
    await create({ folder: join(parent, 'app'), version: '1.2.3' });
    expect(await read('app', 'package.json')).toContain('"app"');
  });

  it('touches nothing in a folder that is in use', async () => {
    await mkdir(join(parent, 'app'));
    await writeFile(join(parent, 'app', 'thesis.txt'), 'ten years');
    await expect(create({ folder: join(parent, 'app'), version: '1.2.3' })).rejects.toThrow('is not empty');
    await expect(create({ folder: join(parent, 'app', 'thesis.txt'), version: '1.2.3' })).rejects.toThrow(
      'is no folder',
    );
    expect(await readdir(join(parent, 'app'))).toEqual(['thesis.txt']);
  });

  it.each(['My App', '.hidden', 'späti'])('refuses a name that is none for a package: %s', async (name) => {
    await expect(create({ folder: join(parent, name), version: '1.2.3' })).rejects.toBeInstanceOf(CannotCreate);
    expect(await readdir(parent)).toEqual([]);
  });

  it('asks for packed packages, also where one needs another', async () => {
    const tarballs = join(parent, 'packed');
    await mkdir(tarballs);
    await expect(create({ folder: join(parent, 'app'), version: '1.2.3', tarballs })).rejects.toThrow(
      'no packed belfry',
    );
    for (const file of ['belfry-1.2.3.tgz', 'belfry-core-1.2.3.tgz', 'belfry-testing-1.2.3.tgz'])
      await writeFile(join(tarballs, file), '');
    await create({ folder: join(parent, 'app'), version: '1.2.3', tarballs });
    const { dependencies, overrides } = JSON.parse(await read('app', 'package.json'));
    expect(dependencies.belfry).toBe(`file:${join(tarballs, 'belfry-1.2.3.tgz')}`);
    expect(overrides['@belfry/core']).toBe(`file:${join(tarballs, 'belfry-core-1.2.3.tgz')}`);
    expect(dependencies.zod).toMatch(/^\d/);
  });
});
