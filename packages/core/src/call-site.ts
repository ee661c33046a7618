/** Where the program called: what goes wrong later happens in a timer or a socket, whose stacks have no line of the program. */
export class CallSite {
  declare readonly stack?: string;

  /** @param called the function whose caller is meant */
  constructor(called: (...args: never[]) => unknown) {
    Error.captureStackTrace(this, called);
  }

  /** Gives the error the stack of the call. */
  mark<E>(error: E): E {
    const [, ...frames] = this.stack?.split('\n') ?? [];
    if (error instanceof Error && frames.length > 0)
      error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
    return error;
  }
}
