import { BelfryError } from './error.js';
import type { JsonInput } from './json.js';
import { checkOptions, isSchema, type Mistakes } from './rules.js';
import type { Schema, SchemaInput } from './schema.js';

/** What {@link defineChannel} may be told beside the name. */
export interface ChannelOptions<S extends Schema> {
  /** Absent: the payload is text, as it came. Present: the payload is JSON that fits the schema. */
  readonly schema?: S;
  /** For people and tools. */
  readonly description?: string;
}

/** A bare Redis channel, shared with programs that know nothing of Belfry. Made by {@link defineChannel}. */
export interface ChannelContract<Name extends string = string, S extends Schema | undefined = Schema | undefined> {
  readonly kind: 'channel';
  readonly name: Name;
  /** The name on the wire: the name itself, outside every namespace. */
  readonly channel: Name;
  readonly guarantee: 'transient';
  readonly schema: S;
  readonly description: string | undefined;
}

/**
 * Writes a bare channel down: its name is taken literally, outside the namespace; its payload travels without an envelope, over
 * classic `PUBLISH` and `SUBSCRIBE`, and every instance that subscribes gets it.
 *
 * Text travels as it is, everything else as JSON. With a schema, a payload that is not JSON is given to the schema as text.
 * @throws BelfryError `CONTRACT_INVALID`, listing every mistake
 */
export function defineChannel<const Name extends string>(
  name: Name,
  options?: ChannelOptions<never>,
): ChannelContract<Name, undefined>;
export function defineChannel<const Name extends string, S extends Schema>(
  name: Name,
  options: ChannelOptions<S> & { readonly schema: JsonInput<SchemaInput<S>> },
): ChannelContract<Name, S>;
export function defineChannel(name: string, options: ChannelOptions<Schema> = {}): ChannelContract {
  const { schema, description } = options ?? {};
  const mistakes: Mistakes = checkOptions(options, ['schema', 'description']);
  if (typeof name !== 'string' || name === '') mistakes.push('its name must be a text that is not empty');
  if (schema !== undefined && !isSchema(schema))
    mistakes.push('schema must be a Standard Schema, for example of zod, valibot or arktype');
  if (description !== undefined && typeof description !== 'string') mistakes.push('description must be a string');
  if (mistakes.length > 0) {
    throw new BelfryError('CONTRACT_INVALID', {
      message: `the channel ${JSON.stringify(name)} cannot be defined: ${mistakes.join('; ')}.`,
    });
  }
  return Object.freeze({ kind: 'channel', name, channel: name, guarantee: 'transient', schema, description });
}
