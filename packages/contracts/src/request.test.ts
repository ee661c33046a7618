import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  BelfryError,
  defineEvent,
  defineRequest,
  isContract,
  isRequest,
  isRequestError,
  RequestError,
  validate,
} from './index.js';

const input = z.object({ sku: z.string() });
const output = z.object({ cents: z.number() });
const Quote = defineRequest('pricing.quote', {
  input,
  output,
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }), SOLD_OUT: null },
});

const mistakesOf = (name: unknown, options: unknown): string => {
  try {
    defineRequest(name as string, options as { input: z.ZodString; output: z.ZodString });
  } catch (error) {
    expect((error as BelfryError).code).toBe('CONTRACT_INVALID');
    return (error as BelfryError).message;
  }
  throw new Error('The request was defined.');
};

describe('defineRequest', () => {
  it('fills in what is left out', () => {
    expect(defineRequest('pricing.quote', { input, output })).toEqual({
      kind: 'request',
      name: 'pricing.quote',
      version: 1,
      channel: 'pricing.quote',
      input,
      output,
      errors: {},
      stream: false,
      timeout: 5000,
      key: undefined,
      description: undefined,
      error: expect.any(Function),
      isError: expect.any(Function),
    });
  });

  it('keeps what it is told, and puts a later version on a channel of its own', () => {
    const contract = defineRequest('pricing.quote', {
      input,
      output,
      errors: { UNKNOWN_SKU: null },
      stream: true,
      timeout: '2m',
      key: ({ sku }) => sku,
      version: 3,
      description: 'What something costs',
    });
    expect(contract).toMatchObject({
      version: 3,
      channel: 'pricing.quote.v3',
      errors: { UNKNOWN_SKU: null },
      stream: true,
      timeout: 120_000,
      description: 'What something costs',
    });
    expect(contract.key?.({ sku: 'x' })).toBe('x');
  });

  it('returns a frozen value, with errors of its own', () => {
    const errors: Record<string, z.ZodString | null> = { UNKNOWN_SKU: null };
    const contract = defineRequest('a.b', { input, output, errors });
    errors.LATER = null;
    expect(contract.errors).toEqual({ UNKNOWN_SKU: null });
    expect([Object.isFrozen(contract), Object.isFrozen(contract.errors)]).toEqual([true, true]);
  });

  it('does not know an error that was added to the options afterwards', () => {
    const errors: Record<string, z.ZodString | null> = { UNKNOWN_SKU: null };
    const contract = defineRequest('a.b', { input, output, errors });
    errors.LATER = null;
    expect(contract.isError(new RequestError(contract, 'LATER', undefined))).toBe(false);
    expect(() => contract.error('LATER')).toThrow(/^CONTRACT_INVALID: a\.b declares no error "LATER"/);
  });

  it.each([
    ['zod', z.object({ id: z.string() })],
    ['valibot', v.object({ id: v.string() })],
    ['arktype', type({ id: 'string' })],
  ])('takes schemas of %s', (_, schema) => {
    const contract = defineRequest('a.b', { input: schema, output: schema, errors: { NOPE: schema } });
    expect([contract.input, contract.output, contract.errors.NOPE]).toEqual([schema, schema, schema]);
    expect(validate(contract.input, { id: 7 })).toMatchObject({ valid: false });
  });

  it.each([
    '',
    'Pricing.quote',
    'pricing..quote',
    'pricing.quote/request',
    'a:b',
    'a.*',
    'pricing.quote.v2',
    7,
    undefined,
  ])('refuses the name %j', (name) =>
    expect(mistakesOf(name, { input, output })).toContain('its name must be dotted lower case'),
  );

  it.each([undefined, null, 'string', {}, { '~standard': {} }])('refuses %j as a schema', (schema) => {
    const message = mistakesOf('a.b', { input: schema, output: schema });
    expect(message).toContain('input must be a Standard Schema');
    expect(message).toContain('output must be a Standard Schema');
  });

  it.each([0, '0s', -1, 'soon', '5 s', Number.NaN, Number.POSITIVE_INFINITY, null, {}])(
    'refuses the timeout %j',
    (timeout) => expect(mistakesOf('a.b', { input, output, timeout })).toContain('timeout must be a duration'),
  );

  it.each([
    [null, 'errors must be an object'],
    ['UNKNOWN_SKU', 'errors must be an object'],
    [{ unknownSku: null }, '"unknownSku" must be upper case'],
    [{ '7UP': null }, '"7UP" must be upper case'],
    [{ '': null }, '"" must be upper case'],
    [{ REQUEST_TIMEOUT: null }, "REQUEST_TIMEOUT is one of Belfry's own"],
    [{ HANDLER_FAILED: null }, "HANDLER_FAILED is one of Belfry's own"],
    [{ NOPE: undefined }, 'errors.NOPE must be a Standard Schema, or null'],
    [{ NOPE: 'string' }, 'errors.NOPE must be a Standard Schema, or null'],
  ])('refuses the errors %j', (errors, mistake) =>
    expect(mistakesOf('a.b', { input, output, errors })).toContain(mistake),
  );

  it.each([undefined, null, 'options'])('refuses the options %j', (options) => {
    expect(mistakesOf('a.b', options)).toContain('its options must be an object');
  });

  it('lists every mistake in one error', () => {
    const message = mistakesOf('A', {
      input: 1,
      output: 1,
      errors: { nope: 1 },
      stream: 'yes',
      timeout: 'soon',
      key: 'id',
      version: 0,
      description: 1,
      retries: 3,
    });
    for (const clause of [
      '"retries" is no option',
      'its name',
      'input must',
      'output must',
      '"nope"',
      'errors.nope',
      'stream',
      'timeout',
      'key',
      'version',
      'description',
    ])
      expect(message).toContain(clause);
  });
});

describe('isRequest', () => {
  it('knows a request, also one made by another copy of this package', () => {
    expect(isRequest(Quote)).toBe(true);
    expect(isRequest({ ...Quote })).toBe(true);
    expect(isContract(Quote)).toBe(false);
  });

  it.each([
    undefined,
    null,
    'a.b',
    7,
    {},
    [],
    { kind: 'request' },
    { kind: 'request', name: 'a', channel: 'a' },
    { ...defineEvent('a.b', { schema: z.string() }), timeout: 1 },
    () => {},
  ])('refuses %j', (value) => expect(isRequest(value)).toBe(false));
});

describe('an error that a request declares', () => {
  const error = Quote.error('UNKNOWN_SKU', { sku: 'secret' });

  it('has its code, its data and its request, and says which request it was', () => {
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toBeInstanceOf(BelfryError);
    expect(error).toMatchObject({
      name: 'RequestError',
      code: 'UNKNOWN_SKU',
      data: { sku: 'secret' },
      request: 'pricing.quote',
    });
    expect(error.message).toContain('UNKNOWN_SKU: pricing.quote');
    expect(Quote.error('SOLD_OUT').data).toBeUndefined();
  });

  it('keeps its data away from whatever prints what is enumerable', () => {
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(Object.keys(error)).not.toContain('data');
    expect(`${error} ${error.stack}`).not.toContain('secret');
  });

  it('is none of Belfry’s own, and the other way round', () => {
    expect(BelfryError.is(error)).toBe(false);
    expect(isRequestError(new BelfryError('REQUEST_TIMEOUT', { message: 'x' }))).toBe(false);
  });

  it('is known by its request, and by its code', () => {
    expect(Quote.isError(error)).toBe(true);
    expect(Quote.isError(error, 'UNKNOWN_SKU')).toBe(true);
    expect(Quote.isError(error, 'SOLD_OUT')).toBe(false);
  });

  it('is not known to another request, nor to another version', () => {
    const errors = { UNKNOWN_SKU: null };
    const others = [
      defineRequest('stock.count', { input, output, errors }),
      defineRequest('pricing.quote', { input, output, errors, version: 2 }),
    ];
    expect(others.map((other) => [other.isError(error), other.isError(error, 'UNKNOWN_SKU')])).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  it('is not known when the request does not declare it, whoever made it', () => {
    expect(Quote.isError(new RequestError(Quote, 'NOPE', undefined))).toBe(false);
    expect(Quote.isError(new RequestError(Quote, 'constructor', undefined))).toBe(false);
  });

  it('is known by name, also when another copy of this package made it', () => {
    const foreign = Object.assign(new Error('x'), {
      name: 'RequestError',
      code: 'SOLD_OUT',
      request: 'pricing.quote',
      version: 1,
    });
    expect([isRequestError(foreign), Quote.isError(foreign, 'SOLD_OUT')]).toEqual([true, true]);
  });

  it.each([
    undefined,
    null,
    'UNKNOWN_SKU',
    7,
    new Error('x'),
    { name: 'RequestError', code: 'SOLD_OUT', request: 'pricing.quote' },
    Object.assign(new Error('x'), { name: 'RequestError', code: 'SOLD_OUT' }),
    Object.assign(new Error('x'), { code: 'SOLD_OUT', request: 'pricing.quote' }),
  ])('is not %o', (value) => expect([isRequestError(value), Quote.isError(value)]).toEqual([false, false]));
});
