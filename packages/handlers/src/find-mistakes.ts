import { isContract, isRequest } from '@belfry/contracts';
import type { Bus } from '@belfry/core';
import { findDuplicates } from './find-duplicates.js';
import { contractsOf } from './handled.js';
import { type HandlerClass, nameOf } from './handler-class.js';
import { type DecoratedHandler, decoratedStatics, handlersOf } from './handler-records.js';
import type { Mistakes } from './mistakes.js';
import { rehearse } from './rehearse.js';

/** Everything that the classes handle. Finds `HANDLER_INVALID`, `DUPLICATE_HANDLER`, `OPTION_INVALID` and `CONTRACT_INVALID`. */
export async function checkedHandlers(
  bus: Bus,
  classes: readonly HandlerClass[],
  mistakes: Mistakes,
): Promise<readonly DecoratedHandler[]> {
  const handlers = checkedClasses(classes, mistakes).flatMap(handlersOf);
  findDuplicates(handlers, bus.name, mistakes);
  // What has the wrong decorator is told once, in better words than the bus has.
  const rest = handlers.filter((handler) => !hasWrongDecorator(handler, mistakes));
  await rehearse(rest, bus, mistakes);
  return handlers;
}

function checkedClasses(given: readonly HandlerClass[], mistakes: Mistakes): HandlerClass[] {
  const classes = given.filter((handlerClass, index) => {
    if (typeof handlerClass === 'function' && typeof handlerClass.prototype === 'object') {
      return given.indexOf(handlerClass) === index;
    }
    mistakes.add('HANDLER_INVALID', {
      message: `the handler at position ${index} is no class.`,
      hint: 'List the classes themselves: handlers: [Billing].',
    });
    return false;
  });
  for (const handlerClass of classes) {
    const statics = decoratedStatics(handlerClass);
    for (const place of statics) {
      mistakes.add('HANDLER_INVALID', {
        message: `${place} is static, and handlers are called on an instance.`,
        hint: 'Take the word static away.',
      });
    }
    if (statics.length === 0 && handlersOf(handlerClass).length === 0) {
      mistakes.add('HANDLER_INVALID', {
        message: `${nameOf(handlerClass)} handles nothing.`,
        hint: 'Decorate a method with @Subscribe(event) or @Respond(request), or take the class out of the handlers and bind it in a module.',
      });
    }
  }
  return classes;
}

/** The compiler refuses it; JavaScript does not. */
function hasWrongDecorator(handler: DecoratedHandler, mistakes: Mistakes): boolean {
  if (handler.kind === 'respond') {
    const { contract, place }: { contract: unknown; place: string } = handler;
    if (!isContract(contract)) return false;
    mistakes.add('CONTRACT_INVALID', {
      message: `${place}: ${contract.channel} is ${contract.kind === 'event' ? 'an event' : 'a channel'}: nobody waits for an answer.`,
      hint: 'Decorate the method with @Subscribe(…) instead of @Respond(…).',
    });
    return true;
  }
  const request = contractsOf(handler).find((contract: unknown) => isRequest(contract));
  if (request === undefined) return false;
  mistakes.add('CONTRACT_INVALID', {
    message: `${handler.place}: ${request.channel} is a request: whoever asks waits for an answer.`,
    hint: 'Decorate the method with @Respond(…) instead of @Subscribe(…).',
  });
  return true;
}
