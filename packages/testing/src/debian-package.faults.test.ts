import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { unpackDebianPackages } from './debian-package.js';
import { findExecutable } from './executable.js';

const run = promisify(execFile);

// Only where there is an apt to ask; on any other system its absence is all that can be tested.
describe.runIf(findExecutable(['apt-get']) && findExecutable(['dpkg-deb']))('on Debian and Ubuntu', () => {
  let cacheDir: string;
  beforeAll(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'belfry-debian-'));
  });
  afterAll(() => rm(cacheDir, { recursive: true, force: true }));

  const libraries = ['liblzf1', 'libjemalloc2'];
  const names = ['redis-server', 'redis-tools', ...libraries];

  it('unpacks once for all who ask, saying so in one line', { timeout: 120_000 }, async () => {
    const say = vi.fn();
    const ask = () => unpackDebianPackages(names, { cacheDir, reason: 'no Redis found', say });
    const [first, ...others] = await Promise.all([ask(), ask(), ask()]);
    for (const other of others) expect(other).toEqual(first);
    const { root, env } = first!;
    expect(say.mock.calls).toEqual([[expect.stringMatching(/^belfry: no Redis found; unpacking .*'s redis-server/)]]);
    expect(say.mock.calls[0]![0]).toContain(root);

    const { stdout } = await run('redis-server', ['--version'], { env });
    expect(stdout).toMatch(/^Redis server v=\d/);
    const { stdout: linked } = await run('ldd', [join(root, 'usr/bin/redis-server')], { env });
    for (const library of ['liblzf.so', 'libjemalloc.so']) {
      expect(linked.split('\n').find((line) => line.includes(library))).toContain(root);
    }

    // Nothing but the result is left behind, and it is found at once.
    const [system] = await readdir(cacheDir);
    expect((await readdir(join(cacheDir, system!))).map((name) => join(cacheDir, system!, name))).toEqual([root]);
    const before = (await stat(root)).mtimeMs;
    const start = performance.now();
    await ask();
    expect(performance.now() - start).toBeLessThan(500);
    expect((await stat(root)).mtimeMs).toBe(before);
    expect(say).toHaveBeenCalledOnce();
  });

  it('unpacks Python modules', { timeout: 120_000 }, async () => {
    const { root } = await unpackDebianPackages(['python3-redis'], { cacheDir, say: () => undefined });
    expect(existsSync(join(root, 'usr/lib/python3/dist-packages/redis/__init__.py'))).toBe(true);
  });

  it('tells what apt said about a package that does not exist', { timeout: 120_000 }, async () => {
    const failing = unpackDebianPackages(['no-such-package-anywhere'], { cacheDir, say: () => undefined });
    await expect(failing).rejects.toThrow(/could not download[\s\S]*Unable to locate package no-such-package-anywhere/);
    const [system] = await readdir(cacheDir);
    expect((await readdir(join(cacheDir, system!))).filter((name) => name.startsWith('no-such'))).toEqual([]);
  });
});

it('says that a system without apt is no Debian', async () => {
  vi.stubEnv('PATH', '/nowhere');
  await expect(unpackDebianPackages(['redis-server'])).rejects.toThrow('no apt-get and dpkg-deb');
  vi.unstubAllEnvs();
});
