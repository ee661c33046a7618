// An empty project outside of the repository, as a stranger would have it.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What of this machine a stranger would not have. */
const OURS = /^(npm_|BELFRY_|REDIS_URL$|NODE_OPTIONS$|NODE_PATH$|INIT_CWD$)/;

export class Project {
  /** Its folder. It is removed when this process ends, unless it is to be kept. */
  folder = mkdtempSync(join(tmpdir(), 'belfry-stranger-'));

  constructor({ keep = false } = {}) {
    if (keep) console.log(`The project lies in ${this.folder}`);
    else process.on('exit', () => rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 }));
  }

  write(path, content) {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
  }

  /** Installs tarballs, and packages of the registry by `name@version`; what npm has in its cache is not asked for again. */
  install(tarballs, others) {
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    return this.run('npm', ['install', ...quiet, ...tarballs, ...others], { patienceMs: 120_000 });
  }

  /** Runs a program of node_modules/.bin. */
  tool(name, args, options) {
    return this.run(join(this.folder, 'node_modules', '.bin', name), args, options);
  }

  /**
   * Runs a program in the project. Resolves with what it says on standard output.
   * @throws Error with all that it says, when it fails or takes too long
   */
  run(command, args, { patienceMs = 60_000, env = {} } = {}) {
    return new Promise((resolve, reject) => {
      const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)));
      const child = spawn(command, args, {
        cwd: this.folder,
        env: { ...inherited, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        shell: process.platform === 'win32',
        timeout: patienceMs,
        killSignal: 'SIGKILL',
      });
      const said = { stdout: '', all: '' };
      child.stdout.on('data', (chunk) => {
        said.stdout += chunk;
      });
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          said.all += chunk;
        });
      child.on('error', reject).on('close', (code, signal) => {
        if (code === 0) resolve(said.stdout);
        else reject(new Error(`${command} ${args.join(' ')}: ${signal ?? `exit code ${code}`}\n${said.all}`));
      });
    });
  }
}
