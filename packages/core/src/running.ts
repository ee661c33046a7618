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

/** A subscription or a responder, as its owner sees it: with `About`, what it is. */
type Handle<R extends Receiving, About> = About & { readonly stats: R['stats']; end(): Promise<void> };

/** What a bus runs of one kind. */
export class Running<R extends Receiving, About extends object> {
  readonly #handles = new Map<R, Handle<R, About>>();

  get handles(): readonly Handle<R, About>[] {
    return [...this.#handles.values()];
  }

  get receivers(): readonly R[] {
    return [...this.#handles.keys()];
  }

  /** @param ended runs once it has ended: nothing more comes, and everything that had come is handled */
  add(receiver: R, about: About, links: readonly TransportSubscription[], ended: () => void): Handle<R, About> {
    let ending: Promise<void> | undefined;
    const end = async (): Promise<void> => {
      await Promise.allSettled(links.map((link) => link.end()));
      await receiver.idle();
      ended();
      this.#handles.delete(receiver);
    };
    const handle: Handle<R, About> = {
      ...about,
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
