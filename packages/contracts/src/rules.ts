import { unknownOptions } from './unknown-options.js';
import type { Schema } from './schema.js';

/** What is wrong with a contract, one clause each: every mistake is told at once. */
export type Mistakes = string[];

const segment = '[a-z0-9][a-z0-9_-]*';
const eventName = new RegExp(`^${segment}(\\.${segment})*$`);

/** Dotted lower case. The last segment is no version: `orders.placed.v2` is `orders.placed`, version 2. */
export const isEventName = (name: unknown): name is string =>
  typeof name === 'string' && eventName.test(name) && !/(^|\.)v\d+$/.test(name);

export const isSchema = (value: unknown): value is Schema =>
  (typeof value === 'object' || typeof value === 'function') &&
  value !== null &&
  typeof (value as Partial<Schema>)['~standard']?.validate === 'function';

/** Starts the list of mistakes with the options that nobody knows. */
export function checkOptions(options: unknown, known: readonly string[]): Mistakes {
  if (typeof options !== 'object' || options === null) return ['its options must be an object'];
  return unknownOptions(options, known);
}
