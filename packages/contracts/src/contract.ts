import type { ChannelContract } from './channel.js';
import type { EventContract } from './event.js';
import type { Schema, SchemaInput, SchemaOutput } from './schema.js';

/** Any event. */
// biome-ignore lint/suspicious/noExplicitAny: a contract's key function is contravariant in its schema, so `unknown` would fit no contract
export type AnyEvent = EventContract<string, any>;

/** Everything that can be published and subscribed to. */
export type AnyContract = AnyEvent | ChannelContract;

/** What a handler gets: the output of the contract's schema; for several contracts, the union. */
export type EventData<C extends AnyContract> = C extends { readonly schema: infer S }
  ? S extends Schema
    ? SchemaOutput<S>
    : string
  : never;

/** What a publisher gives: the input of the contract's schema. */
export type EventInput<C extends AnyContract> = C extends { readonly schema: infer S }
  ? S extends Schema
    ? SchemaInput<S>
    : string
  : never;

/** True for a value made by `defineEvent` or `defineChannel`, also of another copy of this package. Never throws. */
export function isContract(value: unknown): value is AnyContract {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, name, channel } = value as Partial<AnyContract>;
  return (kind === 'event' || kind === 'channel') && typeof name === 'string' && typeof channel === 'string';
}
