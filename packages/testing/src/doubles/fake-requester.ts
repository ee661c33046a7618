import { type AnyRequest, BelfryError, isRequestError, type RequestPayload, validate } from '@belfry/contracts';
import type { AskOptions, Reply, Requester } from '@belfry/core';
import { fakeContext } from './fake-context.js';
import type { AnyFakeResponder } from './fake-responder.js';

/**
 * A requester that {@link AnyFakeResponder}s answer, for a unit test of one handler class without a container. Input, output and declared errors
 * are validated against the contract, as on a bus; whoever asks what nobody responds to gets `NO_RESPONDERS`. No time passes: there are no timeouts.
 * ```ts
 * const requester = fakeRequester(fakeResponder(QuotePrice, () => ({ cents: 1250 })));
 * expect(await new Shop(requester).priceTag('bell')).toBe('bell: 1250 cents');
 * ```
 */
export function fakeRequester(...responders: readonly AnyFakeResponder[]): Requester {
  const responderTo = ({ channel }: AnyRequest): AnyFakeResponder => {
    const responder = responders.find(({ contract }) => contract.channel === channel);
    if (responder !== undefined) return responder;
    throw new BelfryError('NO_RESPONDERS', {
      message: `nobody responds to ${channel} here: give fakeRequester a fakeResponder.`,
    });
  };
  return {
    request<C extends AnyRequest>(contract: C, input: RequestPayload<C>, options: AskOptions = {}): Reply<C> {
      if (contract.stream) return valuesOf(contract, input, options, responderTo) as unknown as Reply<C>;
      const answer = async () => {
        const given = await answered(contract, input, options, responderTo);
        return valid('REPLY_INVALID', contract, contract.output, given ?? null);
      };
      return answer() as Reply<C>;
    },
  };
}

type ResponderTo = (contract: AnyRequest) => AnyFakeResponder;

async function answered(
  contract: AnyRequest,
  input: unknown,
  { signal }: AskOptions,
  responderTo: ResponderTo,
): Promise<unknown> {
  const data = await valid('PAYLOAD_INVALID', contract, contract.input, input);
  const responder = responderTo(contract);
  const differing = signal === undefined ? {} : { signal };
  const answer = await declared(contract, async () =>
    responder.handler(data as never, fakeContext(contract, data as never, differing) as never),
  );
  if (isRequestError(answer)) throw answer;
  return answer;
}

async function* valuesOf(contract: AnyRequest, input: unknown, options: AskOptions, responderTo: ResponderTo) {
  const answer = (await answered(contract, input, options, responderTo)) as AsyncIterable<unknown>;
  const values = answer[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await declared(contract, async () => values.next());
      if (isRequestError(value)) throw value;
      if (done) return;
      yield await valid('REPLY_INVALID', contract, contract.output, value);
    }
  } finally {
    await values.return?.();
  }
}

/** An error that the contract declares reaches the caller; of any other, only that there was one. */
async function declared<T>(contract: AnyRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (contract.isError(cause as never)) throw cause;
    throw new BelfryError('HANDLER_FAILED', {
      message: `the fake responder to ${contract.channel} threw: ${String(cause)}`,
      cause,
    });
  }
}

async function valid(
  code: 'PAYLOAD_INVALID' | 'REPLY_INVALID',
  { channel }: AnyRequest,
  schema: AnyRequest['input'],
  value: unknown,
): Promise<unknown> {
  const travels = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  const validation = await validate(schema, travels);
  if (validation.valid) return validation.value;
  const { issues } = validation;
  const found = issues.map(({ path = '(the whole)', message }) => `${path}: ${message}`).join('; ');
  throw new BelfryError(code, { message: `${channel} does not fit its contract: ${found}.`, issues });
}
