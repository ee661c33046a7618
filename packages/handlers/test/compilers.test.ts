import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function tsx(file: string, tsconfig: string): Promise<string> {
  const { stdout } = await run(process.execPath, ['--conditions=@belfry/source', '--import', 'tsx', pathOf(file)], {
    env: { ...process.env, TSX_TSCONFIG_PATH: pathOf(tsconfig) },
  });
  return stdout;
}

it('needs no emitted metadata: tsx emits none, and injection by token works', async () => {
  const output = await tsx('legacy/tokens.ts', '../../../tsconfig.tests.json');
  expect(output).toBe('answered 2, metadata undefined\n');
});

it('understands standard decorators, with inheritance', async () => {
  const output = await tsx('standard/standard.ts', 'standard/tsconfig.json');
  expect(output).toContain('inherited 1\noverridden 1\ndoubled 42\ncounted 1\ncounted 2\n');
  expect(output).toContain('HANDLER_INVALID: Wrong.shared is static');
  expect(output).toContain('HANDLER_INVALID: Wrong.answer is static');
});

it('checks standard decorators as it checks the older ones', async () => {
  const tsc = pathOf('../../../node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', pathOf('standard')]);
});
