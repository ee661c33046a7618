import { type Container, injectable, injectFromHierarchy, type ServiceIdentifier } from 'inversify';
import { type HandlerClass, nameOf } from './handler-class.js';

/**
 * Binds a handler class that its author has not bound. Nobody has to write `@injectable()` on it: types are used where the compiler
 * emitted them, and a subclass without a constructor of its own takes what its base class takes.
 * @throws what inversify says of a constructor parameter that nothing is known about
 */
export function bindHandlerClass(
  container: Container,
  handlerClass: HandlerClass,
  scope: 'singleton' | 'message',
): void {
  if (container.isBound(handlerClass)) return;
  for (const each of ancestry(handlerClass)) markInjectable(each);
  if (ancestry(handlerClass).length > 1) inheritInjection(handlerClass);
  const binding = container.bind<object>(handlerClass as ServiceIdentifier<object>).to(handlerClass as never);
  if (scope === 'message') binding.inRequestScope();
  else binding.inSingletonScope();
}

/** From the base class down. */
function ancestry(handlerClass: HandlerClass): HandlerClass[] {
  const base = Object.getPrototypeOf(handlerClass) as HandlerClass;
  return base === Function.prototype ? [handlerClass] : [...ancestry(base), handlerClass];
}

/** This is what makes inversify read the types that the compiler emitted. */
function markInjectable(handlerClass: HandlerClass): void {
  try {
    injectable()(handlerClass);
  } catch {
    // It is marked already, which inversify refuses to do twice: by its author, or for another service in this process.
  }
}

function inheritInjection(handlerClass: HandlerClass): void {
  const takesArguments = handlerClass.length > 0;
  try {
    injectFromHierarchy({ extendConstructorArguments: !takesArguments })(handlerClass);
  } catch (error) {
    // A constructor of its own may well give the base class what the container cannot.
    if (!takesArguments && !String(handlerClass).includes('constructor')) throw error;
  }
}

/** Names the class and what is missing: in inversify's words, except for the mistake that is made most. */
export function unresolved(
  handlerClass: HandlerClass,
  error: unknown,
): { message: string; hint: string; cause: unknown } {
  const [reason = ''] = String(error instanceof Error ? error.message : error).split('\n\nBinding constraints');
  const forgotten = forgottenInject(reason);
  return {
    message: `the container cannot make ${nameOf(handlerClass)}: ${forgotten ?? reason.replace(/\s+/g, ' ').trim()}`,
    hint:
      forgotten === undefined
        ? 'Bind what is missing in a ContainerModule and list that in `modules`; write @inject(Token) before each parameter of the constructor.'
        : 'Write @inject(Token) before each, for example constructor(@inject(Publisher) private readonly publisher: Publisher). (By type alone works only where tsc emits decorator metadata, not under tsx or esbuild.)',
    cause: error,
  };
}

/** inversify counts up to the last parameter that it knows: so what it found is reliable only when that is nothing. */
function forgottenInject(reason: string): string | undefined {
  const [, name] = /unexpected missing metadata on type "(.*?)"/.exec(reason) ?? [];
  if (name === undefined) return undefined;
  const subject = `the constructor of ${name || '(anonymous class)'}`;
  const [, takes, found] = /requires at least (\d+) arguments, found (\d+)/.exec(reason) ?? [];
  if (takes === undefined) return `${subject} does not say of each parameter what to inject.`;
  const parameters = takes === '1' ? '1 parameter' : `${takes} parameters`;
  return `${subject} takes ${parameters}, and ${found === '0' ? 'says of none' : 'does not say of each'} what to inject.`;
}
