import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

/** How long a test waits for a program to say what it should, unless it knows better. */
const PATIENCE_MS = 15_000;

interface Waiting {
  readonly matches: (line: string) => boolean;
  readonly take: (line: string) => void;
}

/** A real program that runs beside the test. It ends with `await using`, and so do the programs that it has started. */
export class Program implements AsyncDisposable {
  /** The lines of its output that nobody has taken yet. */
  readonly lines: string[] = [];
  readonly #name: string;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<number | null>;
  #errors = '';
  #running = true;
  #waiting: Waiting[] = [];

  /** @param cwd default: the current folder */
  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string) {
    this.#name = [command, ...args].join(' ');
    // A group of its own, so that a shell's children can be ended with it.
    this.#child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#ended = new Promise<number | null>((resolve) => {
      this.#child.on('error', (error) => {
        this.#errors += error.message;
        resolve(null);
      });
      this.#child.on('close', resolve);
    }).finally(() => {
      this.#running = false;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    let rest = '';
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#hear(line);
    });
  }

  /** Takes the first line that matches and that nobody has taken yet; waits for it if it is not there. */
  async line(wanted: string | RegExp, patienceMs = PATIENCE_MS): Promise<string> {
    const matches = (line: string) => (typeof wanted === 'string' ? line === wanted : wanted.test(line));
    const index = this.lines.findIndex(matches);
    if (index !== -1) return this.lines.splice(index, 1)[0]!;
    let timer: NodeJS.Timeout | undefined;
    const never = new Promise<string>((_, reject) => {
      const fail = (why: string) => reject(new Error(`${this.#name} did not print ${wanted}: ${why}${this.#said()}`));
      timer = setTimeout(fail, patienceMs, 'it took too long');
      this.#ended.then((code) => fail(`it ended with ${code}`));
    });
    const heard = new Promise<string>((take) => this.#waiting.push({ matches, take }));
    try {
      return await Promise.race([heard, never]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Waits for its end. Gives all that it has printed. @throws Error when it fails */
  async end(): Promise<string> {
    const code = await this.#ended;
    if (code !== 0) throw new Error(`${this.#name} ended with ${code}${this.#said()}`);
    return this.lines.join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running && this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    await this.#ended;
  }

  #hear(line: string): void {
    const index = this.#waiting.findIndex(({ matches }) => matches(line));
    if (index === -1) this.lines.push(line);
    else this.#waiting.splice(index, 1)[0]!.take(line);
  }

  #said(): string {
    return `\n${[...this.lines, this.#errors].join('\n')}`.trimEnd();
  }
}
