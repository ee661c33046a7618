import { BelfryError } from '@belfry/contracts';
import type { ReplyIterator } from './requester.js';

type Result = IteratorResult<unknown, undefined>;
const DONE: Result = { done: true, value: undefined };

/** A streamed answer that comes through middleware: whatever that gives is iterated, from the first `next()` on. */
export class RelayedStream implements ReplyIterator<unknown> {
  readonly #begin: () => Promise<unknown>;
  #source: Promise<AsyncIterator<unknown>> | undefined;

  constructor(begin: () => Promise<unknown>) {
    this.#begin = begin;
  }

  async next(): Promise<Result> {
    this.#source ??= this.#begin().then(iteratorOf);
    const source = await this.#source;
    return (await source.next()) as Result;
  }

  async return(): Promise<Result> {
    const source = this.#source;
    this.#source = Promise.resolve(nothing);
    source?.then((begun) => begun.return?.()).catch(() => {}); // not waited for: middleware may take its time to begin
    return DONE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const nothing: AsyncIterator<unknown> = { next: async () => DONE };

function iteratorOf(answer: unknown): AsyncIterator<unknown> {
  const iterate = (answer as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator];
  if (typeof iterate === 'function') return iterate.call(answer);
  throw new BelfryError('REPLY_INVALID', {
    message: 'a middleware answered a streaming request with something that cannot be iterated.',
    hint: "Return what next() gave, or an async iterable of the answer's values.",
  });
}
