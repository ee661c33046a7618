import type { ReplyIterator } from '@belfry/core';
import type { Time } from './time.js';

/** The values of a stream, for each of which somebody waits. */
export function attended<Value>(values: ReplyIterator<Value>, time: Time): ReplyIterator<Value> {
  return {
    next: () => time.attend(values.next()),
    return: () => time.attend(values.return()),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: () => time.attend(values[Symbol.asyncDispose]()),
  };
}
