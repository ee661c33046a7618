import type { HandlerClass } from './handler-class.js';

const messageScoped = new WeakSet<object>();

/**
 * Makes a handler class anew for each message, with a scope of its own: dependencies bound `inRequestScope()` are made once per
 * message and shared by everything that the instance is made of. Without it, a handler class is a singleton.
 *
 * Inside of constructors too, `currentContext()` is the message being handled. Asynchronous dependencies are awaited, each time.
 * Subclasses inherit it. A binding of your own for the class keeps the scope that you gave it there.
 */
export const MessageScoped =
  () =>
  (handlerClass: HandlerClass, _context?: ClassDecoratorContext): void => {
    messageScoped.add(handlerClass);
  };

export function isMessageScoped(handlerClass: HandlerClass): boolean {
  for (let next: object | null = handlerClass; next !== null; next = Object.getPrototypeOf(next) as object | null) {
    if (messageScoped.has(next)) return true;
  }
  return false;
}
