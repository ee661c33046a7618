import type { HandlingStats } from './subscription-stats.js';
import type { TransportSubscription } from './transport.js';

/** Takes messages until its links have ended. */
export interface Receiving {
  readonly stats: HandlingStats;
  /** Resolves once nothing waits and nothing is being handled. */
  idle(): Promise<void>;
  /** Gives up what waits; what is durable goes to other instances. Resolves when they may have it. */
  abandon(reason: unknown): void | Promise<void>;
}

/** A subscription or a responder, as its owner sees it. */
type Handle<R extends Receiving> = { readonly stats: R['stats']; end(): Promise<void> };

/** What a bus runs of one kind. */
export class Running<R extends Receiving> {
  readonly #handles = new Map<R, Handle<R>>();

  get handles(): readonly Handle<R>[] {
    return [...this.#handles.values()];
  }

  get receivers(): readonly R[] {
    return [...this.#handles.keys()];
  }

  /** @param ended runs once it has ended: nothing more comes, and everything that had come is handled */
  add(receiver: R, links: readonly TransportSubscription[], ended: () => void): Handle<R> {
    let ending: Promise<void> | undefined;
    const end = async (): Promise<void> => {
      await Promise.allSettled(links.map((link) => link.end()));
      await receiver.idle();
      ended();
      this.#handles.delete(receiver);
    };
    const handle: Handle<R> = {
      stats: receiver.stats,
      end: () => {
        ending ??= end();
        return ending;
      },
    };
    this.#handles.set(receiver, handle);
    return handle;
  }
}
