// npm run bench [-- --help]: Belfry beside its peers. From a clean clone it installs and builds what is missing first, the peers too.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, root, run } from './prepare.mjs';

/** The peers weigh on nobody who does not measure: bench/ is no workspace, and has a lock file of its own. */
async function installPeers() {
  const [lock, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map((path) =>
    join(root, 'bench', path),
  );
  if (existsSync(installed) && statSync(lock).mtimeMs <= statSync(installed).mtimeMs) return 0;
  console.error('Installing what Belfry is measured beside (npm ci in bench/) …');
  return run('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund', '--loglevel=error'], { quiet: true });
}

process.exitCode =
  (await install()) ||
  (await build()) ||
  (await installPeers()) ||
  (await run(process.execPath, ['bench/run.mjs', ...process.argv.slice(2)]));
