import type { AnyRequest, RequestInput } from '@belfry/contracts';
import type { Answer, RequestContext } from '@belfry/core';

/** A {@link FakeResponder} to whatever request. */
export interface AnyFakeResponder {
  readonly contract: AnyRequest;
  readonly asked: readonly unknown[];
  readonly handler: (input: never, context: never) => unknown;
}

/** Answers in place of the service that responds. Made by {@link fakeResponder}. */
export interface FakeResponder<C extends AnyRequest> extends AnyFakeResponder {
  readonly contract: C;
  /** What it was asked, in order: the output of the schema of the contract's input. */
  readonly asked: readonly RequestInput<C>[];
  /** Answers otherwise from now on. */
  answer(answer: Answering<C>): void;
  /** What a bus calls. */
  readonly handler: Answering<C>;
}

/** What answers a request, as a method with `@Respond` would. */
export type Answering<C extends AnyRequest> = (input: RequestInput<C>, context: RequestContext<C>) => Answer<C>;

/**
 * Stands in for the service that responds to a request: give it to `startHarness({ responders })`, to `harness.respond`, or to
 * {@link fakeRequester}. Input and output are validated against the contract, as those of a real one are.
 * ```ts
 * const quotes = fakeResponder(QuotePrice, ({ sku }) => ({ cents: sku === 'bell' ? 1250 : 0 }));
 * ```
 */
export function fakeResponder<C extends AnyRequest>(contract: C, answer: Answering<C>): FakeResponder<C> {
  const asked: RequestInput<C>[] = [];
  let current = answer;
  return {
    contract,
    asked,
    answer: (other) => {
      current = other;
    },
    handler: (input, context) => {
      asked.push(input);
      return current(input, context);
    },
  };
}
