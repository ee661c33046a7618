import { AsyncResource } from 'node:async_hooks';

// The real one, whatever a test puts in its place afterwards: this is about the event loop, not about time.
const { setImmediate } = globalThis;

// A message brings its own context. What else follows a publisher through AsyncLocalStorage must not reach the handlers of another bus,
// as it would not through a socket.
const nobodysFlow = new AsyncResource('belfry.memory');

/** Gathers what one turn of the event loop asks for, and does it afterwards, in order: never in the call stack of who asked. */
export class Turn {
  #jobs: (() => void)[] = [];

  add<T>(job: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#jobs.push(() => resolve(job()));
      if (this.#jobs.length === 1) setImmediate(() => nobodysFlow.runInAsyncScope(() => this.#end()));
    });
  }

  /** Resolves once everything that has been added is done. */
  async over(): Promise<void> {
    if (this.#jobs.length > 0) await this.add(() => {});
  }

  #end(): void {
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job();
  }
}
