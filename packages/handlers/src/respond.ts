import type { AnyRequest } from '@belfry/contracts';
import type { HandlingOptions, RequestHandler } from '@belfry/core';
import { type HandlerDecorator, recording } from './handler-decorator.js';

/**
 * Answers the requests of a contract: the method returns the output, or throws or returns `contract.error(…)`; for a contract with
 * `stream` it is an async generator. An input or an output that does not fit does not compile. A contract has one responder in a service.
 *
 * Subclasses inherit it. An override without a decorator keeps it; a decorator on the override replaces it.
 * It only records: `createService({ handlers })` or `bindHandlers` responds.
 * @param options as of `bus.respond`: `concurrency` (default 16), `maxQueuedMessages`, `maxQueuedBytes`. Wrong ones are found at
 * start, `OPTION_INVALID`.
 */
export const Respond = <C extends AnyRequest>(
  contract: C,
  options: HandlingOptions = {},
): HandlerDecorator<RequestHandler<C>> => recording({ kind: 'respond', contract, options });
