import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const directory = fileURLToPath(new URL('..', import.meta.url));

describe('hello', () => {
  it.each([
    ['memory', {}],
    ['Redis', { BELFRY_URL: process.env.BELFRY_TEST_REDIS_URL, BELFRY_NAMESPACE: `hello-${process.pid}` }],
  ])('runs under tsx over %s, and ends by itself', async (_, env) => {
    const { BELFRY_URL: __, REDIS_URL: ___, ...inherited } = process.env;
    const { stdout, stderr } = await run(
      process.execPath,
      ['--conditions=@belfry/source', '--import', 'tsx', 'src/main.ts'],
      { cwd: directory, env: { ...inherited, LOG_LEVEL: 'error', ...env } },
    );
    expect(stdout.split('\n')).toEqual([
      'shop: sells a bell',
      'billing: takes 1250 cents for a bell',
      'shop: ships a bell',
      '',
    ]);
    expect(stderr).toBe('');
  });
});
