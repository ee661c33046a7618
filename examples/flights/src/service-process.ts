import { type ChildProcess, fork } from 'node:child_process';
import { on, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Journal } from './journal.js';
import type { FromService, ToService } from './messages.js';
import type { ServiceName } from './services.js';
import type { AirportDays } from './truth.js';

/** What a process runs. */
export interface Program {
  readonly file: string;
  /** For Node. */
  readonly options: readonly string[];
}

const program: Program = {
  // The same file before and after the compiler.
  file: fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './service.ts' : './service.js', import.meta.url)),
  options: process.execArgv,
};

const STOP_TIMEOUT_MS = 8000;

/** One service in a process of its own, as its parent sees it. */
export class ServiceProcess {
  /** Resolves with the id of the instance once the service is ready. */
  readonly ready: Promise<string>;
  /** What `statistics` has counted in its process: there when it has stopped. A killed one takes it along. */
  departures: AirportDays = {};
  /** Resolves when the process is gone, however it ended. */
  readonly gone: Promise<unknown>;
  readonly #process: ChildProcess;
  #stopping = false;

  constructor(
    readonly name: ServiceName,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    journal: Journal,
    { file, options }: Program = program,
  ) {
    // Only the board writes to the terminal; what the others may have to say goes to standard error.
    const output = name === 'board' ? 'inherit' : 2;
    this.#process = fork(file, [name, ...args], {
      execArgv: [...options],
      env: { ...process.env, ...env },
      stdio: ['ignore', output, 2, 'ipc'],
    });
    this.#process.on('message', (message: FromService) => {
      if (message.type === 'entry') journal.write(message.entry);
      if (message.type === 'counted') this.departures = message.departures;
    });
    this.#process.once('exit', (code, signal) => {
      if (!this.#stopping)
        journal.death = `${this} ${signal ? `was killed (${signal})` : `ended by itself: exit code ${code}`}`;
    });
    // Not `exit`: the last messages may still be in the pipe then.
    this.gone = once(this.#process, 'close');
    this.ready = this.#hear('ready').then(({ instance }) => instance);
    this.ready.catch(() => {}); // nobody waits for it any more when the start is interrupted
  }

  /** Lets the feed begin. Resolves when it has published everything. */
  async replay(): Promise<void> {
    const replayed = this.#hear('replayed');
    this.#say('replay');
    await replayed;
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#say('stop');
    const last = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.gone;
    clearTimeout(last);
  }

  /** As kill -9 does: it gets to do nothing more. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  toString(): string {
    return `${this.name} (process ${this.#process.pid})`;
  }

  #say(order: ToService): void {
    if (this.#process.connected) this.#process.send(order, () => {}); // it may die at this very moment
  }

  async #hear<T extends FromService['type']>(type: T): Promise<Extract<FromService, { type: T }>> {
    for await (const [message] of on(this.#process, 'message', { close: ['close'] }) as AsyncIterable<[FromService]>) {
      if (message.type === 'failed') throw new Error(`${this}: ${message.reason}`);
      if (message.type === type) return message as Extract<FromService, { type: T }>;
    }
    throw new Error(`${this} ended before it was ${type}.`);
  }
}
