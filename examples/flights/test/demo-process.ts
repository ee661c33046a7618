import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('..', import.meta.url));

/** One of the processes that the demo says it has started. */
export interface Announced {
  readonly service: string;
  readonly pid: number;
  readonly instance: string;
}

/** The demo, run from its sources as `npm run demo` runs it from what was built. */
export class DemoProcess {
  stdout = '';
  stderr = '';
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  readonly #process;

  constructor(...args: string[]) {
    const { BELFRY_URL: _, REDIS_URL: __, LOG_LEVEL: ___, ...env } = process.env;
    this.#process = spawn(
      process.execPath,
      ['--conditions=@belfry/source', '--import', 'tsx', 'src/demo.ts', ...args],
      {
        cwd: directory,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.#process, 'close').then(([code]) => code as number | null);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits until the output so far matches. */
  async said(what: RegExp): Promise<void> {
    while (!what.test(this.stdout)) {
      await Promise.race([once(this.#process.stdout, 'data'), this.ended.then((code) => this.#refuse(code))]);
    }
  }

  /** Waits until all processes are announced. */
  async announced(): Promise<readonly Announced[]> {
    await this.said(/^board \(process .*\n/m);
    return Array.from(
      this.stdout.matchAll(/^(\w+) \(process (\d+)\), instance (\w{16})$/gm),
      ([, service = '', pid, instance = '']) => ({ service, pid: Number(pid), instance }),
    );
  }

  /** The figures of the summary: published, handled, missed, twice, retried, asked, answered. */
  figuresOf(service: string): number[] {
    const row = this.stdout.match(new RegExp(`^${service}((?: +\\d+){7})$`, 'm'));
    return (row?.[1] ?? '').trim().split(/ +/).map(Number);
  }

  #refuse(code: number | null): never {
    throw new Error(`The demo ended with ${code}:\n${this.stdout}\n${this.stderr}`);
  }
}
