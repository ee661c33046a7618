import { type AnyContract, type AnyRequest, BelfryError, isContract, isRequest } from '@belfry/contracts';

// What the types say, for programs without types.

/** @throws BelfryError `CONTRACT_INVALID` for anything but an event or a bare channel */
export function checkContract(contract: unknown): asserts contract is AnyContract {
  if (isContract(contract)) return;
  if (!isRequest(contract)) throw noContract(contract, 'defineEvent or defineChannel');
  throw new BelfryError('CONTRACT_INVALID', {
    message: `${contract.name} is a request, not an event.`,
    hint: 'Ask it with request(), answer it with respond() or @Respond.',
  });
}

/** @throws BelfryError `CONTRACT_INVALID` for anything but a request */
export function checkRequest(contract: unknown): asserts contract is AnyRequest {
  if (isRequest(contract)) return;
  if (!isContract(contract)) throw noContract(contract, 'defineRequest');
  throw new BelfryError('CONTRACT_INVALID', {
    message: `${contract.name} is ${contract.kind === 'channel' ? 'a channel' : 'an event'}, not a request.`,
    hint: 'Publish it, and subscribe to it; to ask something, define a request with defineRequest.',
  });
}

/**
 * @param of what it is for, as the error names it
 * @throws BelfryError `HANDLER_INVALID`
 */
export function checkHandler(handler: unknown, of: string): void {
  if (typeof handler === 'function') return;
  throw new BelfryError('HANDLER_INVALID', {
    message: `the handler of ${of} must be a function, not ${handler === null ? 'null' : typeof handler}.`,
    hint: 'It comes second, before the options.',
  });
}

const noContract = (value: unknown, by: string): BelfryError =>
  new BelfryError('CONTRACT_INVALID', {
    message: value === undefined ? 'this is no contract, but undefined.' : 'this is no contract.',
    hint: `Give a value made by ${by}.${value === undefined ? ' Do two modules import each other?' : ''}`,
  });
