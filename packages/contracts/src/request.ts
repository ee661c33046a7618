import { type Duration, isDuration, toMilliseconds } from './duration.js';
import { BelfryError, errorCodes } from './error.js';
import type { JsonInput } from './json.js';
import { isRequestError, RequestError } from './request-error.js';
import { checkOptions, isEventName, isSchema, type Mistakes } from './rules.js';
import type { Schema, SchemaInput, SchemaOutput } from './schema.js';

/** The errors that a request declares: by code, the schema of what comes with it; `null`, the code says it all. */
export type ErrorSchemas = Readonly<Record<string, Schema | null>>;

/** What {@link defineRequest} is told beside the name. */
export interface RequestOptions<I extends Schema, O extends Schema, E extends ErrorSchemas, Stream extends boolean> {
  /** What is asked. Any Standard Schema: its input travels, as JSON; the handler gets its output. */
  readonly input: I;
  /** What is answered: the handler returns the schema's input, the caller gets its output. With `stream`, each of the values. */
  readonly output: O;
  /**
   * What can go wrong, by code: upper case, like `UNKNOWN_SKU`, with the schema of what comes with it, or `null` for nothing. The handler
   * throws `contract.error(code, data)`, and the caller gets just that. @default none
   */
  readonly errors?: E;
  /** Many values are the answer: the handler is an async generator, the caller iterates. @default false */
  readonly stream?: Stream;
  /** How long the caller waits for the answer; with `stream`, for each next value. A caller may say otherwise. @default '5s' */
  readonly timeout?: Duration;
  /** Requests with the same key go to the same instance, which handles them one at a time. Absent: they go round. */
  readonly key?: (input: SchemaInput<I>) => string;
  /** A whole number from 1. A second version is another request: responders of both can run side by side. @default 1 */
  readonly version?: number;
  /** For people and tools. */
  readonly description?: string;
}

/** One request, written down once: a frozen value that callers, responders and tests read. Made by {@link defineRequest}. */
export interface RequestContract<
  Name extends string = string,
  I extends Schema = Schema,
  O extends Schema = Schema,
  E extends ErrorSchemas = ErrorSchemas,
  Stream extends boolean = boolean,
> {
  readonly kind: 'request';
  readonly name: Name;
  readonly version: number;
  /** The name on the wire, before the namespace: the name, and `.v2` and so on for later versions. */
  readonly channel: string;
  readonly input: I;
  readonly output: O;
  readonly errors: E;
  readonly stream: Stream;
  /** Milliseconds. */
  readonly timeout: number;
  readonly key: ((input: SchemaInput<I>) => string) | undefined;
  readonly description: string | undefined;
  /**
   * Makes an error that this request declares: throw it in the handler, or return it.
   * @throws BelfryError `CONTRACT_INVALID` for a code that it does not declare
   */
  error<Code extends keyof E & string>(
    code: Code,
    ...data: ErrorArguments<E[Code]>
  ): RequestError<Code, ErrorInput<E[Code]>, Name>;
  /** Whether something caught is an error that this request declares, or that one of them. Narrows its `code` and `data`. */
  isError<Code extends keyof E & string = keyof E & string>(
    error: unknown,
    code?: Code,
  ): error is ErrorOf<E, Code, Name>;
}

/** Any request: what tools and transports take. */
// biome-ignore lint/suspicious/noExplicitAny: a contract's key and error functions are contravariant in its schemas
export type AnyRequest = RequestContract<string, any, any, any, boolean>;

/** What the handler gets: the output of the request's input schema. */
export type RequestInput<C extends AnyRequest> = SchemaOutput<C['input']>;
/** What the caller gets, or gets one by one: the output of the request's output schema. */
export type RequestOutput<C extends AnyRequest> = SchemaOutput<C['output']>;
/** What the caller gives: the input of the request's input schema. */
export type RequestPayload<C extends AnyRequest> = SchemaInput<C['input']>;
/** What the handler returns, or yields: the input of the request's output schema. */
export type ReplyPayload<C extends AnyRequest> = SchemaInput<C['output']>;
/** The errors that the request declares, as the caller gets them: a union, discriminated by `code`. */
export type RequestErrors<C extends AnyRequest> = ErrorOf<C['errors'], keyof C['errors'] & string, C['name']>;
/** The errors that the request declares, as the handler makes them with `contract.error()`. */
export type DeclaredErrors<C extends AnyRequest> = {
  [Code in keyof C['errors'] & string]: RequestError<Code, ErrorInput<C['errors'][Code]>, C['name']>;
}[keyof C['errors'] & string];

type ErrorOf<E extends ErrorSchemas, Codes extends keyof E & string, Name extends string> = {
  [Code in Codes]: RequestError<Code, E[Code] extends Schema ? SchemaOutput<E[Code]> : undefined, Name>;
}[Codes];
type ErrorInput<S extends Schema | null> = S extends Schema ? SchemaInput<S> : undefined;
type ErrorArguments<S extends Schema | null> = S extends Schema ? [data: SchemaInput<S>] : [];

/** Everything that travels must be JSON; what is not does not compile. */
interface JsonOnly<I extends Schema, O extends Schema, E extends ErrorSchemas> {
  readonly input: JsonInput<SchemaInput<I>>;
  readonly output: JsonInput<SchemaInput<O>>;
  readonly errors?: { readonly [Code in keyof E]: E[Code] extends Schema ? JsonInput<SchemaInput<E[Code]>> : unknown };
}

const DEFAULT_TIMEOUT = '5s';

/**
 * Writes a request down: a question to one responder. Returns a frozen value and does nothing else.
 * @param name dotted lower case, imperative: `pricing.quote`
 * @throws BelfryError `CONTRACT_INVALID`, listing every mistake
 */
export function defineRequest<
  const Name extends string,
  I extends Schema,
  O extends Schema,
  const E extends ErrorSchemas = Record<never, never>,
  const Stream extends boolean = false,
>(name: Name, options: RequestOptions<I, O, E, Stream> & JsonOnly<I, O, E>): RequestContract<Name, I, O, E, Stream> {
  const {
    input,
    output,
    errors = {},
    stream = false,
    timeout = DEFAULT_TIMEOUT,
    key,
    version = 1,
    description,
  } = options ?? {};
  const mistakes: Mistakes = checkOptions(options, [
    'input',
    'output',
    'errors',
    'stream',
    'timeout',
    'key',
    'version',
    'description',
  ]);
  if (!isEventName(name)) {
    mistakes.push(
      'its name must be dotted lower case, like pricing.quote: segments of a-z, 0-9, - and _, the last of them no version (v2 is said with { version: 2 })',
    );
  }
  for (const [which, schema] of Object.entries({ input, output })) {
    if (!isSchema(schema)) mistakes.push(`${which} must be a Standard Schema, for example of zod, valibot or arktype`);
  }
  mistakes.push(...mistakesInErrors(errors));
  if (typeof stream !== 'boolean') mistakes.push('stream must be true or false');
  if (!isDuration(timeout) || toMilliseconds(timeout) === 0)
    mistakes.push("timeout must be a duration longer than nothing, like '5s'");
  if (key !== undefined && typeof key !== 'function')
    mistakes.push('key must be a function from the input to a string');
  if (!Number.isSafeInteger(version) || version < 1) mistakes.push('version must be a whole number from 1');
  if (description !== undefined && typeof description !== 'string') mistakes.push('description must be a string');
  if (mistakes.length > 0) {
    throw new BelfryError('CONTRACT_INVALID', {
      message: `the request ${JSON.stringify(name)} cannot be defined: ${mistakes.join('; ')}.`,
    });
  }
  const channel = version === 1 ? name : `${name}.v${version}`;
  const declared = Object.freeze({ ...errors });
  return Object.freeze({
    kind: 'request',
    name,
    version,
    channel,
    input,
    output,
    errors: declared as E,
    stream: stream as Stream,
    timeout: toMilliseconds(timeout),
    key,
    description,
    error: (code: string, data?: unknown) => {
      if (!Object.hasOwn(declared, code)) throw undeclared(channel, code, Object.keys(declared));
      return new RequestError({ name, version }, code, data);
    },
    isError: (error: unknown, code?: string) =>
      isRequestError(error) &&
      error.request === name &&
      error.version === version &&
      (code === undefined ? Object.hasOwn(declared, error.code) : error.code === code),
  } as unknown as RequestContract<Name, I, O, E, Stream>);
}

const undeclared = (channel: string, code: unknown, codes: readonly string[]): BelfryError =>
  new BelfryError('CONTRACT_INVALID', {
    message: `${channel} declares no error ${JSON.stringify(code)}.`,
    hint: codes.length === 0 ? 'It declares none: see `errors` of defineRequest.' : `There are ${codes.join(', ')}.`,
  });

function mistakesInErrors(errors: unknown): Mistakes {
  if (typeof errors !== 'object' || errors === null) return ['errors must be an object, like { UNKNOWN_SKU: schema }'];
  const mistakes: Mistakes = [];
  for (const [code, schema] of Object.entries(errors)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(code))
      mistakes.push(`the error code ${JSON.stringify(code)} must be upper case, like UNKNOWN_SKU`);
    if ((errorCodes as readonly string[]).includes(code))
      mistakes.push(`the error code ${code} is one of Belfry's own`);
    if (schema !== null && !isSchema(schema))
      mistakes.push(`errors.${code} must be a Standard Schema, or null when nothing comes with it`);
  }
  return mistakes;
}

/** True for a value made by {@link defineRequest}, also of another copy of this package. Never throws. */
export function isRequest(value: unknown): value is AnyRequest {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, name, channel, timeout } = value as Partial<AnyRequest>;
  return kind === 'request' && typeof name === 'string' && typeof channel === 'string' && typeof timeout === 'number';
}
