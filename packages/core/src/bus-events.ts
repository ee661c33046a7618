import type { Logger } from './logger.js';

/**
 * How the bus stands with its broker. `idle`: it has not been used yet. `connected`: the probe comes round. `interrupted`: it was connected, and is
 * trying to be again. `closed`: close() has ended.
 */
export type BusStatus = 'idle' | 'connected' | 'interrupted' | 'closed';

/** Events that this bus will never handle. */
export interface Gap {
  /** What was subscribed to. */
  readonly subscription: string;
  /** Namespace and contract, for example `shop:orders.placed`. */
  readonly channel: string;
  /** Whose events they are, as `/service/instance`; absent: of several publishers. */
  readonly source: string | undefined;
  /** How many. */
  readonly missed: number;
  /**
   * `interrupted`: they were published while the connection was away. `history`: so were these, and what the contract's `recover` keeps did not
   * reach back far enough. `unknown`: the connection seemed well all the time.
   */
  readonly reason: 'interrupted' | 'history' | 'unknown';
}

/** Events that were published while the connection was away, and have been handed to the handler after all. */
export interface Recovered {
  readonly subscription: string;
  readonly channel: string;
  readonly recovered: number;
}

/** A queue is filling up. */
export interface Pressure {
  readonly subscription: string;
  readonly group: string | undefined;
  /** `true`: the queue is three quarters full, and a group's other members get the work from now on. `false`: it is half empty again. */
  readonly full: boolean;
  readonly queued: number;
  /** How many have been dropped so far. */
  readonly dropped: number;
}

/** What a bus tells of itself, by the name of the event. */
export interface BusEventMap {
  /** It is connected for the first time. */
  readonly connected: Record<string, never>;
  /** The connection is away, or gives no sign of life, or Redis refuses a subscription that it had. It is tried again until all of it is back. */
  readonly interrupted: { readonly reason: string | undefined };
  /** It is back, with every subscription and every place in a group. */
  readonly resumed: { readonly outageMs: number };
  readonly closed: Record<string, never>;
  readonly gap: Gap;
  readonly recovered: Recovered;
  readonly pressure: Pressure;
}

export type BusEvent = keyof BusEventMap;

const names: readonly string[] = [
  'connected',
  'interrupted',
  'resumed',
  'closed',
  'gap',
  'recovered',
  'pressure',
] satisfies BusEvent[];

/** Whether there is such an event. */
export const isBusEvent = (name: unknown): name is BusEvent => names.includes(name as string);

type Listener<E extends BusEvent> = (event: BusEventMap[E]) => void;

/** Who wants to hear what of a bus. A listener that throws harms nobody. */
export class BusEvents {
  readonly #logger: Logger;
  readonly #listeners = new Map<BusEvent, Set<Listener<BusEvent>>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns what ends it. */
  on<E extends BusEvent>(name: E, listener: Listener<E>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    const entry: Listener<BusEvent> = (event) => listener(event as BusEventMap[E]); // one of its own, however often it is given
    listeners.add(entry);
    return () => void listeners.delete(entry);
  }

  emit<E extends BusEvent>(name: E, event: BusEventMap[E]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        const result: unknown = listener(event);
        if (result instanceof Promise) result.catch((error: unknown) => this.#failed(name, error));
      } catch (error) {
        this.#failed(name, error);
      }
    }
  }

  #failed(name: BusEvent, error: unknown): void {
    this.#logger.error({ event: name, err: error }, `A listener to the bus's event ${name} threw.`);
  }
}
