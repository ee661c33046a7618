import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';

const start = (...args: string[]) => {
  const soak = spawn(process.execPath, ['scripts/soak.mjs', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void soak.kill('SIGTERM'));
  return { soak, said: text(soak.stdout), complained: text(soak.stderr), exited: once(soak, 'exit') };
};

it('what was published and what was handled adds up after twenty seconds of faults', { timeout: 150_000 }, async () => {
  const { said, complained, exited } = start('--seconds', '20', '--seed', '7', '--verbose');
  const [code] = await exited;
  expect(code, `${await said}${await complained}`).toBe(0);
  expect(await said).toContain('soak: seed 7 adds up.');
});

it('says what is wrong with its arguments', { timeout: 60_000 }, async () => {
  const { complained, exited } = start('--seconds', 'ten');
  expect(await exited).toEqual([2, null]);
  expect(await complained).toContain('--seconds must be a whole number');
});
