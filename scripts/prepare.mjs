// What has to be there before anything can run. Needs nothing but Node and npm: it is imported before anything is installed.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

const quietly = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1', DO_NOT_TRACK: '1' };

/** Installs what the lock file says, unless that has been done since the lock file last changed. Resolves with an exit code. */
export async function install() {
  const [lock, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map((path) => join(root, path));
  if (existsSync(installed) && statSync(lock).mtimeMs <= statSync(installed).mtimeMs) return 0;
  console.log('Installing dependencies (npm ci), which takes about half a minute …');
  return run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { quiet: true });
}

/** Builds what has changed. Resolves with an exit code. */
export const build = () => runTool('turbo', ['run', 'build', '--output-logs=errors-only'], { quiet: true });

/** Runs a tool of node_modules. Resolves with its exit code. */
export const runTool = (name, args, options) => run(join(root, 'node_modules', '.bin', name), args, options);

/**
 * Runs a program in the root folder and resolves with its exit code.
 * @param {{ quiet?: boolean }} [options] quiet: its output is shown only when it fails
 */
export function run(command, args, { quiet = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...quietly, ...process.env },
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
      shell: process.platform === 'win32', // npm and the tools are .cmd files there
    });
    const output = [];
    child.stdout?.on('data', (chunk) => output.push(chunk));
    child.stderr?.on('data', (chunk) => output.push(chunk));
    // Ctrl-C at a terminal reaches the whole process group by itself: passed on, it would be a second one, which ends at once.
    const interrupt = () => process.stdin.isTTY || child.kill('SIGINT');
    const terminate = () => child.kill('SIGTERM');
    process.on('SIGINT', interrupt).on('SIGTERM', terminate);
    const end = (code) => {
      process.off('SIGINT', interrupt).off('SIGTERM', terminate);
      if (code !== 0) process.stderr.write(Buffer.concat(output));
      resolve(code);
    };
    child.on('error', (error) => {
      console.error(`${command} cannot be run: ${error.message}`);
      end(1);
    });
    child.on('close', (code, signal) => end(code ?? 128 + constants.signals[signal]));
  });
}
