import { isRequestError } from '@belfry/contracts';
import type { Clock, Timer } from './clock.js';
import { FIRST_CREDIT, type LetterKind } from './letter.js';

export interface AnswerStreamOptions {
  /** What the handler gave. */
  readonly values: AsyncIterable<unknown>;
  /** A value as JSON, checked against the contract. Rejects or throws when it does not fit. */
  readonly encode: (value: unknown) => string | Promise<string>;
  /** Writes to the caller. Resolves with whether it was received. */
  readonly write: (kind: LetterKind, dataJson?: string, sequence?: number) => Promise<boolean>;
  /** The handler works on a value from now on; or nobody waits for one at the moment. */
  readonly working: (isWorking: boolean) => void;
  readonly clock: Clock;
}

/** So much may be on its way to a caller that has not said that it took it, in characters. */
const MAX_UNTAKEN = 786_432;
/** What one letter holds, in characters, where there is more than one value. */
const LETTER = 65_536;
/** While the caller takes nothing it is asked now and then whether it is still there. */
const KEEPALIVE = 10_000;

/**
 * The responder's end of a streamed answer. It pulls the handler's values no further than the caller has given credit for, and while a
 * letter is on its way it gathers the next: so a fast handler's values travel together, and a lone value at once.
 */
export class AnswerStream {
  readonly #options: AnswerStreamOptions;
  readonly #iterator: AsyncIterator<unknown>;
  /** Values as JSON that are not written yet. */
  #unsent: string[] = [];
  #unsentSize = 0;
  /** What was written and not yet taken: up to which value, and how large. */
  readonly #untaken: { readonly upTo: number; readonly size: number }[] = [];
  #untakenSize = 0;
  #pulled = 0;
  #written = 0;
  #credit = FIRST_CREDIT;
  #stopped = false;
  #flushing: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
    this.#iterator = options.values[Symbol.asyncIterator]();
  }

  /** How many values were written. */
  get written(): number {
    return this.#written;
  }

  /** The caller permits so many values in all. */
  credit(values: number): void {
    if (values <= this.#credit) return;
    this.#credit = values;
    const taken = values - FIRST_CREDIT;
    while (this.#untaken[0] !== undefined && this.#untaken[0].upTo <= taken)
      this.#untakenSize -= this.#untaken.shift()?.size ?? 0;
    this.#wake?.();
  }

  /** Nobody wants more. The handler's generator runs its `finally`. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /**
   * Runs until the handler has no more values, or nobody wants more.
   * @throws what the handler threw, after what it gave before has been written
   */
  async run(): Promise<void> {
    let isOpen = true;
    try {
      while (await this.#mayPull()) {
        isOpen = false; // what next() throws has closed it
        const { done, value } = await this.#iterator.next();
        if (done === true) {
          if (isRequestError(value)) throw value;
          break;
        }
        isOpen = true;
        if (!this.#stopped) this.#push(await this.#options.encode(value));
      }
      await this.#flushing;
      if (!isOpen && !this.#stopped) await this.#options.write('end', undefined, this.#written);
    } finally {
      this.#options.working(false);
      await this.#flushing;
      if (isOpen) await this.#iterator.return?.();
    }
  }

  /** Waits for credit. False: nobody wants more. */
  async #mayPull(): Promise<boolean> {
    if (!this.#hasCredit) {
      this.#options.working(false);
      while (!this.#hasCredit && !this.#stopped) await this.#news();
    }
    if (!this.#stopped) this.#options.working(true);
    return !this.#stopped;
  }

  get #hasCredit(): boolean {
    return this.#pulled < this.#credit && this.#untakenSize + this.#unsentSize < MAX_UNTAKEN;
  }

  /** Resolves when the caller has written. It is reminded, should its letter have been lost. */
  async #news(): Promise<void> {
    let timer: Timer | undefined;
    const remind = (): void => {
      timer = this.#options.clock.after(
        KEEPALIVE,
        () => {
          void this.#options.write('values', '[]', this.#written);
          remind();
        },
        'background',
      );
    };
    remind();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    timer?.cancel();
  }

  #push(json: string): void {
    this.#pulled++;
    this.#unsent.push(json);
    this.#unsentSize += json.length;
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    while (this.#unsent.length > 0 && !this.#stopped) {
      const values = this.#nextLetter();
      const size = values.reduce((sum, { length }) => sum + length, 0);
      const first = this.#written;
      this.#written += values.length;
      this.#unsentSize -= size;
      this.#untaken.push({ upTo: this.#written, size });
      this.#untakenSize += size;
      if (!(await this.#options.write('values', `[${values.join()}]`, first))) this.#stopped = true; // the caller is gone
    }
    this.#flushing = undefined;
  }

  #nextLetter(): string[] {
    let size = 0;
    let count = 0;
    for (const json of this.#unsent) {
      size += json.length;
      if (count > 0 && size > LETTER) break;
      count++;
    }
    return this.#unsent.splice(0, count);
  }
}
