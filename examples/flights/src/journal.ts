import { type Middleware, RequestError } from 'belfry';

/** What was done with one event or request. */
export interface JournalEntry {
  readonly did: 'published' | 'handled' | 'asked' | 'answered';
  /** The event's or the request's name. */
  readonly name: string;
  /** The flight that the event is about; requests are about none. */
  readonly flight?: number;
  /** Of an event that was handled: at which attempt. */
  readonly attempt?: number;
}

/** What one instance of a service did. */
export class Journal {
  readonly entries: JournalEntry[] = [];
  /** How its process ended, when nobody had told it to. */
  death: string | undefined;

  constructor(
    readonly service: string,
    private readonly onEntry: (entry: JournalEntry) => void = () => {},
  ) {}

  readonly write = (entry: JournalEntry): void => {
    this.entries.push(entry);
    this.onEntry(entry);
  };
}

const did = { publish: 'published', handle: 'handled', request: 'asked', respond: 'answered' } as const;

/**
 * Writes down what a service does, so that the check can count it afterwards.
 * A middleware goes around all of it, so the handlers know nothing of this one.
 */
export const journal =
  (write: (entry: JournalEntry) => void): Middleware =>
  async (call, next) => {
    const { flight } = call.data as { readonly flight?: number };
    const entry: JournalEntry = {
      did: did[call.side],
      name: call.contract?.name ?? '',
      flight,
      ...(call.side === 'handle' && { attempt: call.context.attempt }),
    };
    if (call.side === 'request') write(entry); // asked is asked, also when no answer comes
    try {
      const result = await next();
      if (call.side !== 'request') write(entry);
      return result;
    } catch (error) {
      // An error that the contract declares is an answer. Whatever else throws was not done.
      if (call.side === 'respond' && error instanceof RequestError) write(entry);
      throw error;
    }
  };
