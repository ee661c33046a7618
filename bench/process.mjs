// A process of player.mjs, seen from the runner.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./player.mjs', import.meta.url));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Whatever takes longer is stuck, and ends the run. */
const PATIENCE_MS = 60_000;

export class Player {
  #process;
  #who;
  #pending = new Map();
  #next = 0;
  /** Resolves with how long it took from the start of the process, in milliseconds. */
  ready;

  constructor(variant, role, options) {
    const began = performance.now();
    this.#who = `${variant.title}, ${role}`;
    this.#process = fork(script, [variant.file, role, JSON.stringify(options)], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ready = new Promise((resolve, reject) => {
      this.#process.on('message', ({ ready, id, result, error }) => {
        if (ready) resolve(performance.now() - began);
        else if (error) this.#pending.get(id)?.reject(new Error(`${this.#who}: ${error}`));
        else this.#pending.get(id)?.resolve(result);
      });
      this.#process.once('exit', (code) => {
        const gone = new Error(`${this.#who}: ended with exit code ${code}`);
        reject(gone);
        for (const pending of this.#pending.values()) pending.reject(gone);
      });
    });
    this.ready = this.#inTime(ready, 'to be ready');
  }

  /** Has it do one of the actions of player.mjs. */
  async do(action, load) {
    const id = this.#next++;
    try {
      const done = new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        this.#process.send({ id, action, load }, (error) => error && reject(error));
      });
      return await this.#inTime(done, action);
    } finally {
      this.#pending.delete(id);
    }
  }

  async stop() {
    await Promise.race([this.do('stop').catch(() => {}), pause(3000)]);
    this.#process.kill('SIGKILL');
  }

  async #inTime(promise, what) {
    let timer;
    const late = new Promise((_, reject) => {
      const refuse = () => reject(new Error(`${this.#who}: takes more than ${PATIENCE_MS / 1000} s ${what}`));
      timer = setTimeout(refuse, PATIENCE_MS);
    });
    return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }
}
