import { type } from 'arktype';
import * as v from 'valibot';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import {
  type AnyRequest,
  type DeclaredErrors,
  defineRequest,
  isRequest,
  type ReplyPayload,
  type RequestError,
  type RequestErrors,
  type RequestInput,
  type RequestOutput,
  type RequestPayload,
} from './index.js';

const date = z.iso.datetime().transform((text) => new Date(text));

const Quote = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string(), count: z.number().default(1) }),
  output: z.object({ cents: z.number(), at: date }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string(), since: date }), SOLD_OUT: null },
  timeout: '2s',
  key: ({ sku }) => sku,
  version: 2,
  description: 'What something costs',
});
type Quote = typeof Quote;

// The caller gives the input's input, the handler gets its output; the handler gives the output's input, the caller gets its output.
expectTypeOf<RequestPayload<Quote>>().toEqualTypeOf<{ sku: string; count?: number | undefined }>();
expectTypeOf<RequestInput<Quote>>().toEqualTypeOf<{ sku: string; count: number }>();
expectTypeOf<ReplyPayload<Quote>>().toEqualTypeOf<{ cents: number; at: string }>();
expectTypeOf<RequestOutput<Quote>>().toEqualTypeOf<{ cents: number; at: Date }>();
expectTypeOf(Quote.name).toEqualTypeOf<'pricing.quote'>();
expectTypeOf(Quote.stream).toEqualTypeOf<false>();
expectTypeOf(Quote).toExtend<AnyRequest>();

const Count = defineRequest('numbers.count', { input: z.number(), output: z.number(), stream: true });
expectTypeOf(Count.stream).toEqualTypeOf<true>();
expectTypeOf(Count).toExtend<AnyRequest>();

// Other libraries of schemas
const WithValibot = defineRequest('a.b', {
  input: v.object({ id: v.string() }),
  output: v.array(v.number()),
  key: ({ id }) => id,
});
expectTypeOf<RequestInput<typeof WithValibot>>().toEqualTypeOf<{ id: string }>();
const WithArktype = defineRequest('a.b', { input: type({ id: 'string' }), output: type('number[]') });
expectTypeOf<RequestOutput<typeof WithArktype>>().toEqualTypeOf<number[]>();

// An unknown value is narrowed to a request.
declare const something: unknown;
if (isRequest(something)) expectTypeOf(something).toEqualTypeOf<AnyRequest>();

// Errors: the handler makes them with the schema's input, the caller gets its output.
expectTypeOf(Quote.error('UNKNOWN_SKU', { sku: 'x', since: '2026-01-02T03:04:05Z' })).toEqualTypeOf<
  RequestError<'UNKNOWN_SKU', { sku: string; since: string }, 'pricing.quote'>
>();
expectTypeOf(Quote.error('SOLD_OUT')).toEqualTypeOf<RequestError<'SOLD_OUT', undefined, 'pricing.quote'>>();
expectTypeOf<DeclaredErrors<Quote>['code']>().toEqualTypeOf<'UNKNOWN_SKU' | 'SOLD_OUT'>();
expectTypeOf<RequestErrors<Quote>>().toEqualTypeOf<
  | RequestError<'UNKNOWN_SKU', { sku: string; since: Date }, 'pricing.quote'>
  | RequestError<'SOLD_OUT', undefined, 'pricing.quote'>
>();
expectTypeOf<RequestErrors<typeof Count>>().toBeNever();
expectTypeOf<DeclaredErrors<typeof Count>>().toBeNever();

// @ts-expect-error - no such code
Quote.error('NOPE');
// @ts-expect-error - the code says that something comes with it
Quote.error('UNKNOWN_SKU');
// @ts-expect-error - the sku is a text
Quote.error('UNKNOWN_SKU', { sku: 1, since: '' });
// @ts-expect-error - what travels is a text, not a Date
Quote.error('UNKNOWN_SKU', { sku: 'x', since: new Date() });
// @ts-expect-error - nothing comes with this code
Quote.error('SOLD_OUT', { sku: 'x' });
// @ts-expect-error - this request declares no errors at all
Count.error('SOLD_OUT');

if (Quote.isError(something)) {
  switch (something.code) {
    case 'UNKNOWN_SKU':
      expectTypeOf(something.data).toEqualTypeOf<{ sku: string; since: Date }>();
      break;
    case 'SOLD_OUT':
      expectTypeOf(something.data).toEqualTypeOf<undefined>();
      break;
    default:
      expectTypeOf(something).toBeNever();
  }
  // @ts-expect-error - it is not known which one it is, and the other has no sku
  something.data.sku;
}
if (Quote.isError(something, 'UNKNOWN_SKU')) expectTypeOf(something.data.since).toEqualTypeOf<Date>();
// @ts-expect-error - no such code to look for
Quote.isError(something, 'NOPE');

// Everything that travels is JSON.
// @ts-expect-error - a Date cannot travel in the input
defineRequest('a.b', { input: z.date(), output: z.null() });
// @ts-expect-error - a Date deep inside cannot travel in the output
defineRequest('a.b', { input: z.null(), output: z.object({ list: z.array(z.object({ at: z.date() })) }) });
// @ts-expect-error - a bigint cannot travel with an error
defineRequest('a.b', { input: z.null(), output: z.null(), errors: { NOPE: z.object({ n: z.bigint() }) } });
// @ts-expect-error - nothing at all is no JSON: null is
defineRequest('a.b', { input: z.null(), output: z.undefined() });
// @ts-expect-error - unknown may be anything
defineRequest('a.b', { input: z.unknown(), output: z.null() });

// Options
// @ts-expect-error - no output
defineRequest('a.b', { input: z.null() });
// @ts-expect-error - no options
defineRequest('a.b');
// @ts-expect-error - an unknown option
defineRequest('a.b', { input: z.null(), output: z.null(), retries: 3 });
// @ts-expect-error - a request has no guarantee
defineRequest('a.b', { input: z.null(), output: z.null(), guarantee: 'durable' });
// @ts-expect-error - no duration
defineRequest('a.b', { input: z.null(), output: z.null(), timeout: 'soon' });
// @ts-expect-error - the key reads a field that is not there
defineRequest('a.b', { input: z.object({ sku: z.string() }), output: z.null(), key: (data) => data.customer });
// @ts-expect-error - the key must be a string
defineRequest('a.b', { input: z.object({ n: z.number() }), output: z.null(), key: (data) => data.n });
// @ts-expect-error - what comes with an error is described by a schema, or null
defineRequest('a.b', { input: z.null(), output: z.null(), errors: { NOPE: 'text' } });
// @ts-expect-error - contracts are frozen
Quote.timeout = 3;
