import type { AnyContract } from '@belfry/contracts';
import type { MessageContext } from '../context.js';
import { until } from './waiting.js';

/** Keeps what a handler was called with, in order. Its {@link Inbox.take} is the handler. */
export class Inbox<Data = unknown> {
  readonly data: Data[] = [];
  readonly contexts: MessageContext[] = [];

  readonly take = (data: Data, context: MessageContext<AnyContract>): void => {
    this.data.push(data);
    this.contexts.push(context);
  };

  get size(): number {
    return this.data.length;
  }

  /** Waits until so many have been taken, and gives them. */
  async first(count: number): Promise<Data[]> {
    await until(
      () => this.size >= count,
      () => `${count} messages, of which ${this.size} came`,
    );
    return this.data.slice(0, count);
  }
}
