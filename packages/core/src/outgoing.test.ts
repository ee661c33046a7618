import { defineChannel, defineEvent, defineRequest } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Quote } from '../test/doubles.js';
import {
  bytesOver,
  causalityOf,
  checkExtensions,
  checkSize,
  invalid,
  jsonOf,
  keyOf,
  mistakeIn,
  subjectOf,
  toJson,
} from './outgoing.js';

const Text = defineChannel('mychannel');
const keyed = (key: (input: { sku: string }) => string) =>
  defineRequest('a.b', { input: z.object({ sku: z.string() }), output: z.null(), key });

describe('the subject of a message', () => {
  it('names the contract and its version', () => {
    expect(subjectOf(Quote)).toBe('the request pricing.quote (version 1)');
    expect(subjectOf(defineEvent('orders.placed', { schema: z.null(), version: 2 }))).toBe(
      'the event orders.placed (version 2)',
    );
    expect(subjectOf(Text)).toContain('channel mychannel');
  });
});

describe('the key', () => {
  it('is what the contract makes of the data; without one there is none', () => {
    expect(
      keyOf(
        keyed(({ sku }) => sku),
        { sku: 'x' },
      ),
    ).toBe('x');
    expect([keyOf(Quote, { sku: 'x' }), keyOf(Text, 'x')]).toEqual([undefined, undefined]);
  });

  it.each([
    ['throws', () => JSON.parse('secret')],
    ['returns a number', () => 7 as unknown as string],
    ['returns nothing', () => undefined as unknown as string],
  ])('is refused when the function %s, without a word of the data', (_, key) => {
    expect(() => keyOf(keyed(key), { sku: 'secret' })).toThrow(expect.objectContaining({ code: 'PAYLOAD_INVALID' }));
    expect(() => keyOf(keyed(key), { sku: 'secret' })).not.toThrow(/secret/);
  });
});

describe('JSON', () => {
  const circular: Record<string, unknown> = {};
  circular.secret = circular;

  it.each([
    ['nothing', undefined],
    ['a function', () => {}],
    ['a bigint', 7n],
    ['a circle', circular],
  ])('is not made of %s, and what is said about it quotes nothing', (_, data) => {
    expect(jsonOf(data)).toBeUndefined();
    expect(() => toJson(Quote, data)).toThrow(expect.objectContaining({ code: 'PAYLOAD_INVALID' }));
    expect(() => toJson(Quote, data)).not.toThrow(/secret/);
  });

  it('is made of everything else', () => expect(toJson(Quote, { sku: 'x' })).toBe('{"sku":"x"}'));
});

describe('the size', () => {
  it.each([
    ['fits exactly', 'x'.repeat(10), undefined],
    ['is one more', 'x'.repeat(11), 11],
    ['is more in bytes only', '😀'.repeat(3), 12],
    ['fits in bytes, beyond a third in characters', 'ü'.repeat(5), undefined],
    ['is nothing', '', undefined],
  ])('is told when it is over the limit: %s', (_, body, bytes) => {
    expect(bytesOver(10, body)).toBe(bytes);
    const check = () => checkSize(Quote, body, 10);
    if (bytes === undefined) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
  });
});

describe('causality', () => {
  it('comes from the options, else from the message being handled, which is the cause', () => {
    const context = { correlationId: 'c', messageId: 'm', traceparent: 't', tracestate: 's' };
    const inherited = { correlationId: 'c', causationId: 'm', traceparent: 't', tracestate: 's' };
    expect(causalityOf({}, context)).toEqual(inherited);
    expect(causalityOf({ correlationId: 'mine', causationId: 'other' }, context)).toEqual({
      ...inherited,
      correlationId: 'mine',
      causationId: 'other',
    });
    expect(Object.values(causalityOf({}, undefined))).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('a mistake in the options', () => {
  it.each([
    [{ key: 7 }, /"key" must be a text/],
    [{ traceparent: {} }, /"traceparent" must be a text/],
    [{ extensions: 'x' }, /"extensions" must be an object/],
    [{ delay: '5s' }, /"delay" is no option of request\(\)/],
    [{ constructor: 1 }, /"constructor" is no option/],
  ])('%j is told', (options, message) => {
    const mistake = mistakeIn('request', Quote, options as object, ['timeout', 'signal']);
    expect(mistake).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringMatching(message) });
    expect(mistake?.hint).toBe(
      'There are key, correlationId, causationId, traceparent, tracestate, extensions, timeout, signal.',
    );
  });

  it.each([{}, { key: undefined }, { key: 'k', extensions: {} }, { timeout: 1, signal: 2 }])('%j is none', (options) =>
    expect(mistakeIn('request', Quote, options as object, ['timeout', 'signal'])).toBeUndefined(),
  );
});

describe('extensions', () => {
  it('are texts, finite numbers, true or false', () => {
    checkExtensions(Quote, undefined);
    checkExtensions(Quote, { tenant: 'eu', n: 7, dry: false });
  });

  it.each([
    { Tenant: 'eu' },
    { 'a-b': 1 },
    { '': 1 },
    { timeoutms: 1 },
    { sequence: 1 },
    { data_base64: 'x' },
    { tenant: null },
    { tenant: Number.NaN },
    { tenant: {} },
    { tenant: undefined },
  ])('like %j are refused', (extensions) => {
    expect(() => checkExtensions(Quote, extensions)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
  });
});

it('says where data are wrong, and what only in `issues`', () => {
  const error = invalid(Quote, 'do not fit its schema', [{ message: 'got "secret"', path: 'sku' }, { message: 'no' }]);
  expect(error.message).toContain('at sku, (the whole)');
  expect(error.message).not.toContain('secret');
  expect(error.issues).toHaveLength(2);
});
