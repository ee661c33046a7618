import { expect, onTestFinished } from 'vitest';
import { SECRET } from './corpus.js';

/** So long may one message keep everything else waiting, in milliseconds. */
const LONGEST_STALL = 1000;
/** Of one log line, in characters. */
const LONGEST_LINE = 4000;
/** What one part of Belfry says in a second about what it rejects. */
const LINES_PER_SECOND = 10;

/**
 * Watches the process while strangers write to it: errors that nobody caught, prototypes that have changed, and an event loop that stood still.
 * Ask at the end of the test.
 */
export class ProcessWatch {
  readonly #uncaught: unknown[] = [];
  readonly #prototypes = prototypes();
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  #longest = 0;

  constructor() {
    const note = (error: unknown) => void this.#uncaught.push(error);
    process.on('unhandledRejection', note);
    process.on('uncaughtException', note);
    let [last, lastBusy] = [performance.now(), busy()];
    this.#timer = setInterval(() => {
      const [now, nowBusy] = [performance.now(), busy()];
      // On a machine that others use, too, time passes without any fault of this process.
      this.#longest = Math.max(this.#longest, Math.min(now - last, nowBusy - lastBusy));
      [last, lastBusy] = [now, nowBusy];
    }, 5);
    onTestFinished(() => {
      process.off('unhandledRejection', note);
      process.off('uncaughtException', note);
      clearInterval(this.#timer);
    });
  }

  /** Nothing has happened to the process. @param stall so long may everything have stood still: longer than by one message in a flood */
  expectUnharmed(stall = LONGEST_STALL): void {
    expect(this.#uncaught).toEqual([]);
    expect(prototypes()).toEqual(this.#prototypes);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(this.#longest).toBeLessThan(stall);
  }

  /** What was logged quotes nothing, and is no flood. @param parts how many parts of Belfry may have something to say about what came */
  expectDiscreet(lines: readonly string[], parts: number): void {
    expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
    expect(lines.filter(({ length }) => length > LONGEST_LINE).map((line) => line.slice(0, 200))).toEqual([]);
    const seconds = Math.ceil((performance.now() - this.#began) / 1000) + 1;
    expect(lines.length).toBeLessThanOrEqual(LINES_PER_SECOND * parts * seconds);
  }
}

/** How long this process has worked, in milliseconds. */
function busy(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const prototypes = (): (string | symbol)[][] =>
  [Object, Array, Function, String, Number, Promise, Map].map(({ prototype }) => Reflect.ownKeys(prototype));
