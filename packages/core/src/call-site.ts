/** To look at the stack costs as much as a quarter of a request: under load only so many are looked at in a second. */
const PER_SECOND = 1000;

let second = 0;
let captured = 0;

/** Where the program called: what goes wrong later happens in a timer or a socket, whose stacks have no line of the program. */
export class CallSite {
  declare readonly stack?: string;

  /**
   * @param called the function whose caller is meant
   * @param now milliseconds
   */
  constructor(called: (...args: never[]) => unknown, now: number) {
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      captured = 0;
    }
    if (captured++ < PER_SECOND) Error.captureStackTrace(this, called);
  }

  /** Gives the error the stack of the call, where that is known. */
  mark<E>(error: E): E {
    const [, ...frames] = this.stack?.split('\n') ?? [];
    if (error instanceof Error && frames.length > 0)
      error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
    return error;
  }
}
