import { type HandlerRecord, recordOn, recordOnMethod } from './handler-records.js';

/** What a class has and its instances have not: a decorated static method does not compile. */
interface NotStatic {
  readonly prototype?: never;
}

/** The same for standard decorators; a `#private` method cannot be called either. */
interface OfInstances {
  readonly static: false;
  readonly private: false;
}

/** Decorates methods of a given shape; any other does not compile. */
export interface HandlerDecorator<H extends (...args: never[]) => unknown> {
  /** Standard decorators. */
  <M extends H>(method: M, context: ClassMethodDecoratorContext & OfInstances): void;
  // Last, because the compiler reports the last overload: its message shows where the parameters differ.
  /** `experimentalDecorators`: what Belfry's examples use, because `@inject` needs it. */
  <M extends H>(target: object & NotStatic, method: string | symbol, descriptor: TypedPropertyDescriptor<M>): void;
}

/** A decorator of either kind that records, and does nothing else. */
export const recording =
  (record: HandlerRecord) =>
  (target: object, second: string | symbol | ClassMethodDecoratorContext): void => {
    if (typeof second === 'object') recordOnMethod(target, record);
    else recordOn(target, second, record);
  };
