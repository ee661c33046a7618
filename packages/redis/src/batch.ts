import type { Redis } from 'ioredis';

/** One command on its way to Redis, with everything that travels in it. */
export interface Batch {
  /** For messages: what it is, and where it goes. */
  readonly title: string;
  /** The channel or address that says which server it is for. */
  readonly destination: string;
  /** Memory that it holds, counted in characters. */
  readonly size: number;
  /** Its place in the order of everything that this instance sends. */
  sequence: number;
  /** When it stops waiting for a connection: set when it first has to wait. */
  deadline: number | undefined;
  /** It may be sent again when the answer was lost: Redis recognises it. */
  readonly repeatable?: boolean;
  /** It was written, and perhaps executed. */
  written?: boolean;
  /** Writes the command. Resolves with Redis's answer to it. May be called again when Redis has not executed it. */
  write(client: Redis): Promise<unknown>;
  /** Redis has not executed what was written last: it may be written again. */
  notExecuted?(): void;
  /** Nobody knows whether Redis has executed what was written last, and it is not written again. */
  perhapsExecuted?(): void;
  /** Settles it with Redis's answer. Throws when that is no answer to this command. */
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** A batch with the promise that everything in it shares. */
export abstract class SharedBatch<Answer> implements Batch {
  readonly promise: Promise<Answer>;
  sequence = 0;
  deadline: number | undefined;
  written = false;
  #resolve!: (answer: Answer) => void;
  reject!: (error: Error) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.reject = reject;
    });
  }

  abstract readonly title: string;
  abstract readonly destination: string;
  abstract readonly size: number;
  abstract write(client: Redis): Promise<unknown>;
  /** Makes of Redis's answer what the promise is for. Throws when that cannot be. */
  protected abstract read(reply: unknown): Answer;

  resolve(reply: unknown): void {
    this.#resolve(this.read(reply));
  }
}

// Bounds of what travels as one command: a longer burst becomes several, in order.
const MAX_COUNT = 256;
const MAX_CHARACTERS = 98_304;

/** Whether one more of `length` characters still fits into a batch that holds `count` with `size` characters. */
export const fits = (count: number, size: number, length: number): boolean =>
  count < MAX_COUNT && size + length <= MAX_CHARACTERS;
