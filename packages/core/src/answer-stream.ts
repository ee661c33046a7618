import { isRequestError } from '@belfry/contracts';
import type { Clock, Timer } from './clock.js';
import type { Deadline } from './deadline.js';
import { FIRST_CREDIT, type LetterKind, LONGEST_PART } from './letter.js';
import type { StreamBudget } from './stream-budget.js';

export interface AnswerStreamOptions {
  /** What the handler gave. */
  readonly values: AsyncIterable<unknown>;
  /** A value as JSON, checked against the contract. Rejects or throws when it does not fit. */
  readonly encode: (value: unknown) => string | Promise<string>;
  /** Writes to the caller. Resolves with whether it was received. */
  readonly write: (kind: LetterKind, dataJson?: string, sequence?: number) => Promise<boolean>;
  /** Until when the handler should have given its next value: moved for each. */
  readonly deadline: Deadline;
  /** How long it has for each, in milliseconds. */
  readonly timeout: number;
  /** Shared by all streams to the same caller. */
  readonly budget: StreamBudget;
  readonly clock: Clock;
}

/** So much may be on its way to a caller that has not said that it took it, in characters. */
const MAX_UNTAKEN = 786_432;
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
  #written = 0;
  #credit = FIRST_CREDIT;
  #stopped = false;
  #isLate = false;
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

  /** Its time was over before it ended: perhaps it gave up half way. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Nobody wanted more. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** The caller permits so many values in all. */
  credit(values: number): void {
    if (values <= this.#credit) return;
    this.#credit = values;
    const taken = values - FIRST_CREDIT;
    let size = 0;
    while (this.#untaken[0] !== undefined && this.#untaken[0].upTo <= taken) size += this.#untaken.shift()?.size ?? 0;
    this.#untakenSize -= size;
    this.#options.budget.give(size);
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
    } catch (error) {
      await this.#handlerEnded();
      if (isOpen) await this.#close().catch(() => {}); // the first error tells more
      throw error;
    }
    await this.#handlerEnded();
    if (isOpen) await this.#close();
  }

  async #handlerEnded(): Promise<void> {
    const { deadline } = this.#options;
    this.#isLate = deadline.isOver;
    deadline.move(Number.POSITIVE_INFINITY);
    if (!this.#stopped) await this.#flushing;
    this.#options.budget.give(this.#untakenSize + this.#unsentSize);
    this.#untaken.length = 0; // given back
  }

  async #close(): Promise<void> {
    await this.#iterator.return?.();
  }

  /** Waits for credit. False: nobody wants more. */
  async #mayPull(): Promise<boolean> {
    const { deadline, timeout, clock } = this.#options;
    if (!this.#hasCredit) {
      deadline.move(Number.POSITIVE_INFINITY);
      if (this.#pulled < this.#credit) await this.#askForReport();
      while (!this.#hasCredit && !this.#stopped) await this.#news();
    }
    if (!this.#stopped) deadline.move(clock.now() + timeout);
    return !this.#stopped;
  }

  /** It is not the number of values that holds it back: the caller would not report by itself before it has taken many more. */
  async #askForReport(): Promise<void> {
    await this.#flushing;
    if (!this.#hasCredit && !this.#stopped) await this.#write('values', '[]', this.#written);
  }

  /** How many values the handler has given. */
  get #pulled(): number {
    return this.#written + this.#unsent.length;
  }

  get #hasCredit(): boolean {
    const ahead = this.#untakenSize + this.#unsentSize;
    return this.#pulled < this.#credit && (ahead === 0 || (ahead < MAX_UNTAKEN && !this.#options.budget.isSpent));
  }

  /** Resolves when the caller has written. It is reminded, should its letter have been lost. */
  async #news(): Promise<void> {
    let timer: Timer | undefined;
    const remind = (): void => {
      timer = this.#options.clock.after(
        KEEPALIVE,
        () => {
          if (this.#flushing === undefined) void this.#write('values', '[]', this.#written); // it must overtake nothing
          remind();
        },
        'background',
      );
    };
    remind();
    let forget = (): void => {};
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      forget = this.#options.budget.onRoom(resolve);
    });
    forget();
    timer?.cancel();
  }

  #push(json: string): void {
    this.#unsent.push(json);
    this.#unsentSize += json.length;
    this.#options.budget.take(json.length);
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
      await this.#write('values', `[${values.join()}]`, first);
    }
    this.#flushing = undefined;
  }

  /** A caller that does not receive it is gone. */
  async #write(kind: LetterKind, dataJson: string, sequence: number): Promise<void> {
    if (!(await this.#options.write(kind, dataJson, sequence))) this.stop();
  }

  #nextLetter(): string[] {
    let size = 0;
    let count = 0;
    for (const json of this.#unsent) {
      size += json.length;
      if (count > 0 && size > LONGEST_PART) break;
      count++;
    }
    return this.#unsent.splice(0, count);
  }
}
