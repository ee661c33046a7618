import { type Duration, isDuration, toMilliseconds } from './duration.js';
import { BelfryError } from './error.js';
import type { JsonInput } from './json.js';
import { checkOptions, isEventName, isSchema, type Mistakes } from './rules.js';
import type { Schema, SchemaInput } from './schema.js';

/**
 * What the transport promises for an event. `transient`: at most once, over Redis Pub/Sub.
 * `durable`: at least once, over Redis Streams. It is the only word that changes: publishers and handlers stay as they are.
 */
export type Guarantee = 'transient' | 'durable';

/** For how long a durable event stays in the log. What a group has not acknowledged stays in any case, unless `cap` is given. */
export interface RetainOptions {
  /** What every group has acknowledged is kept for so long: groups that come later begin with it. @default '24h' */
  readonly age?: Duration;
  /** Of what every group has acknowledged, at most about so many are kept. @default no bound */
  readonly count?: number;
  /**
   * A hard bound: the log never holds more than about so many. What a group has not handled is then lost, counted and logged.
   * @default none
   */
  readonly cap?: number;
}

/** {@link RetainOptions}, with every default written out. */
export interface Retention {
  /** In milliseconds. */
  readonly age: number;
  readonly count: number | undefined;
  readonly cap: number | undefined;
}

/** What of a transient event is kept in Redis, for broadcast subscribers that were away for a while. */
export interface RecoverOptions {
  /** An event is kept for at most about so long; a channel on which nothing is published for so long keeps nothing. @default '1h' */
  readonly age?: Duration;
  /** At most about so many events are kept. @default 10_000 */
  readonly count?: number;
}

/** {@link RecoverOptions}, with every default written out. */
export interface RecoveryPolicy {
  /** In milliseconds. */
  readonly age: number;
  readonly count: number;
}

/** What {@link defineEvent} is told beside the name. */
export interface EventOptions<S extends Schema> {
  /** Any Standard Schema. Its input is what travels, as JSON; handlers get its output. */
  readonly schema: S;
  /** @default 'transient' */
  readonly guarantee?: Guarantee;
  /**
   * Transient: events with the same key go to the same instance of a group, which handles them one at a time. Durable: they are handled one
   * at a time and in their order by the whole group, through retries and crashes. Absent: no affinity, no order.
   */
  readonly key?: (data: SchemaInput<S>) => string;
  /**
   * Of a transient event: every broadcast subscriber that loses its connection reads what it missed, in order and once, before it goes on. Each
   * publish then writes to Redis. Groups and patterns do not recover. `{}` takes the defaults. @default what is missed is counted and gone
   */
  readonly recover?: RecoverOptions;
  /** Of a durable event: for how long it stays in the log. @default 24 h after every group has acknowledged it */
  readonly retain?: RetainOptions;
  /** Of a durable event: for so long an id that a publisher gave is remembered, and a second publish of it does nothing. @default '1h' */
  readonly duplicateWindow?: Duration;
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
  /** Of a transient event; absent: it is not kept. */
  readonly recovery: RecoveryPolicy | undefined;
  /** Of a durable event. */
  readonly retention: Retention;
  /** Of a durable event, in milliseconds. */
  readonly duplicateWindow: number;
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
  const { recover, retain, duplicateWindow = '1h' } = options ?? {};
  const mistakes: Mistakes = checkOptions(options, [
    'schema',
    'guarantee',
    'key',
    'recover',
    'retain',
    'duplicateWindow',
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
  mistakes.push(...mistakesInRecover(recover), ...mistakesInRetain(retain));
  if (!isDuration(duplicateWindow)) mistakes.push("duplicateWindow must be a duration, like '1h'");
  if (guarantee !== 'durable' && (retain !== undefined || options?.duplicateWindow !== undefined))
    mistakes.push("retain and duplicateWindow are for durable events: say guarantee: 'durable'");
  if (guarantee === 'durable' && recover !== undefined)
    mistakes.push(
      'recover is for transient events: a durable one is in a log, and its broadcast subscribers read on by themselves',
    );
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
    recovery:
      recover === undefined
        ? undefined
        : Object.freeze({ age: toMilliseconds(recover.age ?? '1h'), count: recover.count ?? 10_000 }),
    retention: Object.freeze({ age: toMilliseconds(retain?.age ?? '24h'), count: retain?.count, cap: retain?.cap }),
    duplicateWindow: toMilliseconds(duplicateWindow),
    description,
    examples: Object.freeze([...examples]),
  });
}

const isBound = (value: unknown) => value === undefined || (Number.isSafeInteger(value) && (value as number) >= 1);

function mistakesInRecover(recover: unknown): Mistakes {
  if (recover === undefined) return [];
  const mistakes = checkOptions(recover, ['age', 'count']).map((mistake) => `recover: ${mistake}`);
  const { age, count } = (recover ?? {}) as RecoverOptions;
  if (age !== undefined && !(isDuration(age) && toMilliseconds(age) >= 1))
    mistakes.push("recover.age must be a duration of at least a millisecond, like '1h'");
  if (!isBound(count)) mistakes.push('recover.count must be a whole number from 1');
  return mistakes;
}

function mistakesInRetain(retain: unknown): Mistakes {
  if (retain === undefined) return [];
  const mistakes = checkOptions(retain, ['age', 'count', 'cap']).map((mistake) => `retain: ${mistake}`);
  const { age, count, cap } = (retain ?? {}) as RetainOptions;
  if (age !== undefined && !isDuration(age)) mistakes.push("retain.age must be a duration, like '24h'");
  if (!isBound(count)) mistakes.push('retain.count must be a whole number from 1');
  if (!isBound(cap)) mistakes.push('retain.cap must be a whole number from 1');
  return mistakes;
}
