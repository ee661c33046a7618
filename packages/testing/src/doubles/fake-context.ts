import { type AnyContract, type AnyRequest, isRequest, toMilliseconds } from '@belfry/contracts';
import type { Command, MessageContext, RequestContext } from '@belfry/core';
import type { HandledData } from '../harness/facts.js';

/** What a handler gets beside the data, and what it has committed with it. */
export type FakeContext<C extends AnyContract | AnyRequest> = (C extends AnyRequest
  ? RequestContext<C>
  : C extends AnyContract
    ? MessageContext<C>
    : never) & {
  /** One list of commands for each `context.commit`. */
  readonly commits: readonly (readonly Command[])[];
};

let messages = 0;

/**
 * The context of a message, for a unit test that calls a handler's method by itself. What is not said is as of a first attempt that goes well.
 * ```ts
 * const context = fakeContext(PaymentTaken, payment, { attempt: 3 });
 * await new Ledger().book(payment, context);
 * expect(context.commits).toEqual([[['HINCRBY', 'balances', 'ann', 100]]]);
 * ```
 */
export function fakeContext<C extends AnyContract | AnyRequest>(
  contract: C,
  data: HandledData<C>,
  differing: Partial<Omit<FakeContext<C>, 'commits'>> = {},
): FakeContext<C> {
  const messageId = `fake-${messages++}`;
  const commits: (readonly Command[])[] = [];
  const { signal } = new AbortController();
  const ofAll = {
    type: contract.name,
    version: contract.kind === 'channel' ? 1 : contract.version,
    data,
    messageId,
    correlationId: messageId,
    causationId: undefined,
    source: '/test/00000000000000fa',
    time: new Date(),
    group: 'test',
    key: undefined,
    extensions: {},
    channel: `test:${contract.channel}`,
    signal,
    commits,
  };
  const own = isRequest(contract)
    ? { deadline: new Date(Date.now() + toMilliseconds(contract.timeout)) }
    : { attempt: 1, commit: async (...commands: readonly Command[]) => void commits.push(commands) };
  return { ...ofAll, ...own, ...differing } as unknown as FakeContext<C>;
}
