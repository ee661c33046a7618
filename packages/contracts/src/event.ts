import { BelfryError } from './error.js';
import type { JsonInput } from './json.js';
import { checkOptions, isEventName, isSchema, type Mistakes } from './rules.js';
import type { Schema, SchemaInput } from './schema.js';

/**
 * What the transport promises for an event. `transient`: at most once, over Redis Pub/Sub.
 * `durable`: at least once, over Redis Streams; it comes with the next release, and is refused until then (`UNSUPPORTED`).
 */
export type Guarantee = 'transient' | 'durable';

/** What {@link defineEvent} is told beside the name. */
export interface EventOptions<S extends Schema> {
  /** Any Standard Schema. Its input is what travels, as JSON; handlers get its output. */
  readonly schema: S;
  /** @default 'transient' */
  readonly guarantee?: Guarantee;
  /** Events with the same key go to the same instance of a group, which handles them one at a time. Absent: no affinity. */
  readonly key?: (data: SchemaInput<S>) => string;
  /** A whole number from 1. A second version is another channel: publishers and handlers of both can run side by side. @default 1 */
  readonly version?: number;
  /** For people and tools. */
  readonly description?: string;
  /** For people and tools; not checked against the schema. */
  readonly examples?: readonly SchemaInput<S>[];
}

/** One event, written down once: a frozen value that publishers, handlers and tools read. Made by {@link defineEvent}. */
export interface EventContract<Name extends string = string, S extends Schema = Schema> {
  readonly kind: 'event';
  readonly name: Name;
  readonly version: number;
  /** The name on the wire, before the namespace: the name, and `.v2` and so on for later versions. */
  readonly channel: string;
  readonly guarantee: Guarantee;
  readonly schema: S;
  readonly key: ((data: SchemaInput<S>) => string) | undefined;
  readonly description: string | undefined;
  readonly examples: readonly SchemaInput<S>[];
}

/**
 * Writes an event down. Returns a frozen value and does nothing else.
 * @param name dotted lower case, past tense: `orders.placed`
 * @throws BelfryError `CONTRACT_INVALID`, listing every mistake
 */
export function defineEvent<const Name extends string, S extends Schema>(
  name: Name,
  options: EventOptions<S> & { readonly schema: JsonInput<SchemaInput<S>> },
): EventContract<Name, S> {
  const { schema, guarantee = 'transient', key, version = 1, description, examples = [] } = options ?? {};
  const mistakes: Mistakes = checkOptions(options, [
    'schema',
    'guarantee',
    'key',
    'version',
    'description',
    'examples',
  ]);
  if (!isEventName(name)) {
    mistakes.push(
      'its name must be dotted lower case, like orders.placed: segments of a-z, 0-9, - and _, the last of them no version (v2 is said with { version: 2 })',
    );
  }
  if (!isSchema(schema)) mistakes.push('schema must be a Standard Schema, for example of zod, valibot or arktype');
  if (guarantee !== 'transient' && guarantee !== 'durable') mistakes.push("guarantee must be 'transient' or 'durable'");
  if (key !== undefined && typeof key !== 'function') mistakes.push('key must be a function from the data to a string');
  if (!Number.isSafeInteger(version) || version < 1) mistakes.push('version must be a whole number from 1');
  if (description !== undefined && typeof description !== 'string') mistakes.push('description must be a string');
  if (!Array.isArray(examples)) mistakes.push('examples must be an array');
  if (mistakes.length > 0) {
    throw new BelfryError('CONTRACT_INVALID', {
      message: `the event ${JSON.stringify(name)} cannot be defined: ${mistakes.join('; ')}.`,
    });
  }
  return Object.freeze({
    kind: 'event',
    name,
    version,
    channel: version === 1 ? name : `${name}.v${version}`,
    guarantee,
    schema,
    key,
    description,
    examples: Object.freeze([...examples]),
  });
}
