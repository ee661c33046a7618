/** A class with decorated methods. Its constructor is called by the container. */
export type HandlerClass = abstract new (...args: never[]) => object;

/** What a person calls a method of a handler class: `Billing.charge`. */
export const placeOf = (handlerClass: HandlerClass, method: string | symbol): string =>
  `${nameOf(handlerClass)}.${String(method)}`;

/** A class expression may have no name. */
export const nameOf = (handlerClass: HandlerClass): string => handlerClass.name || '(anonymous class)';
