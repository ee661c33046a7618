import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { guardProcess } from './process-guard.js';
import { diskless, type RedisConfig, redisConf } from './redis-config.js';
import { askRedis, redisProcessId, waitUntilReady } from './redis-ping.js';
import { listening, type Protected, type Security, unprotected } from './redis-security.js';

const startTimeoutMs = 15_000;

/** A program to run as a Redis server. */
export interface RedisProgram {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
  /** What stands behind the path of its config. Default: nothing. */
  readonly args?: readonly string[];
}

/**
 * A Redis server that runs as a child of this process on 127.0.0.1, with its files in a temporary folder. It never
 * outlives this process, however this process ends.
 */
export class RedisProcess {
  readonly host = '127.0.0.1';
  #child: ChildProcess | undefined;

  private constructor(
    private readonly program: RedisProgram,
    private readonly config: RedisConfig,
    private readonly folder: string,
    readonly port: number,
    private readonly security: Protected,
  ) {}

  /** Whom to trust, where it speaks TLS. */
  get ca(): string | undefined {
    return this.security.ca;
  }

  /** What to show there, where it wants to see something. */
  get clientCertificate(): Security['clientCertificate'] {
    return this.security.clientCertificate;
  }

  /**
   * Starts a server on a free port and waits until it serves commands.
   * @throws Error with the last lines of the server's output when it does not come up.
   */
  static async start(
    program: RedisProgram,
    config: RedisConfig,
    security: Protected = unprotected,
  ): Promise<RedisProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'belfry-redis-'));
    for (let attempt = 1; ; attempt++) {
      const server = new RedisProcess(program, config, folder, await freePort(), security);
      try {
        await server.launch();
        return server;
      } catch (error) {
        const portWasTaken = /Address already in use/i.test(String(error));
        if (portWasTaken && attempt < 10) continue;
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
    }
  }

  /** The server's process id while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Of the user `default`, where it needs one. */
  get password(): string | undefined {
    const { requirepass } = this.config;
    return typeof requirepass === 'string' && requirepass !== '' ? requirepass : undefined;
  }

  /** Sends a signal. After one that ends the process, resolves when it has ended. Does nothing when it has ended before. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = ['SIGKILL', 'SIGTERM', 'SIGINT'].includes(signal) ? once(child, 'exit') : undefined;
    child.kill(signal);
    if (ended === undefined) return;
    child.ref(); // else this process could end while it waits here
    await ended;
  }

  /** Ends the server, if it still runs, and starts it again on the same port. */
  async restart({ empty }: { empty: boolean }): Promise<void> {
    if (empty) {
      await this.kill('SIGKILL');
      await rm(this.folder, { recursive: true, force: true });
      await mkdir(this.folder, { mode: 0o700 });
    } else {
      await this.#shutDownSaving();
    }
    await this.launch();
  }

  /** Ends the server and removes its files. */
  async stop(): Promise<void> {
    await this.kill('SIGKILL'); // not SIGTERM, which a stopped or a busy server would not obey
    await rm(this.folder, { recursive: true, force: true });
  }

  private async launch(): Promise<void> {
    const { host, port, folder } = this;
    const conf = join(folder, 'redis.conf');
    const log = join(folder, 'output.log');
    for (const [name, content] of Object.entries(this.security.files)) await writeFile(join(folder, name), content);
    const own = { bind: host, ...listening(String(port), folder, this.security), dir: `"${folder}"` };
    const usual = this.program.args?.includes('--sentinel') ? {} : diskless; // a Sentinel has no data
    await writeFile(conf, redisConf(usual, this.config, own));

    const output = openSync(log, 'w');
    const child = spawn(this.program.command, [conf, ...(this.program.args ?? [])], {
      env: this.program.env,
      stdio: ['ignore', output, output],
      detached: true, // Ctrl-C is for this process, which may want to use the server while it cleans up
    });
    closeSync(output);
    child.unref(); // a forgotten stop() must not keep this process from ending
    this.#child = child;
    const guard = guardProcess(child.pid, folder, () => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    let failure: string | undefined;
    const ended = (why: string) => {
      failure ??= why;
      guard.release();
      if (this.#child === child) this.#child = undefined;
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(`it ended with ${signal ?? `code ${code}`}`));

    if (await waitUntilReady(this, startTimeoutMs, () => failure !== undefined)) {
      // The PONG may come from another server that took the port just before ours could, which then ends.
      const answering = await redisProcessId(this, this.password);
      if (answering === undefined || answering === child.pid) return;
      failure = 'Address already in use';
    }
    await this.kill('SIGKILL');
    const lines = (await readFile(log, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-15);
    throw new Error(
      [`${this.program.command} did not start: ${failure ?? `no PONG within ${startTimeoutMs} ms`}`, ...lines].join(
        '\n',
      ),
    );
  }

  async #shutDownSaving(): Promise<void> {
    const child = this.#child;
    if (!child) return; // killed before: what it had not written is gone
    child.ref();
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(startTimeoutMs) });
    const login = this.password ? `AUTH ${this.password}\r\n` : '';
    await askRedis(this, `${login}SHUTDOWN SAVE\r\n`, /^-ERR/m, startTimeoutMs); // it hangs up without an answer
    await ended;
  }
}
