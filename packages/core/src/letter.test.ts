import { describe, expect, it } from 'vitest';
import { CALLER } from '../test/doubles.js';
import { decodeEnvelope } from './envelope.js';
import { decodeLetter, type LetterKind, letterEncoder } from './letter.js';

const encode = letterEncoder(CALLER, () => 'l-1');

describe('a letter', () => {
  it.each<[LetterKind, unknown, number | undefined]>([
    ['reply', { cents: 7 }, undefined],
    ['reply', null, undefined],
    ['values', [1, 'zwei 😀', null], 0],
    ['values', [], 128],
    ['end', undefined, 3],
    ['error', { code: 'UNKNOWN_SKU', data: { sku: 'x' } }, 2],
    ['credit', 192, undefined],
    ['cancel', undefined, undefined],
  ])('can be read as it was written: %s with %j', (kind, data, sequence) => {
    const body = encode(kind, 'r-7', data === undefined ? undefined : JSON.stringify(data), sequence);
    expect(decodeLetter(body)).toEqual({
      kind,
      request: 'r-7',
      source: CALLER,
      sequence: sequence ?? 0,
      data,
      size: body.length,
    });
  });

  it('is a CloudEvent whose cause is the request', () => {
    expect(decodeEnvelope(encode('values', 'r-7', '[1]', 5))).toEqual({
      specversion: '1.0',
      id: 'l-1',
      source: CALLER,
      type: 'belfry.values',
      causationid: 'r-7',
      sequence: '5',
      data: [1],
    });
  });

  it('can be about a request with any id: it may come from a program that is not Belfry', () => {
    const request = 'say "hi" \\ "causationid":"other"';
    expect(decodeLetter(encode('cancel', request)).request).toBe(request);
  });

  it('may say its sequence as a number', () => {
    expect(decodeLetter(letter({ type: 'belfry.end', sequence: 5 })).sequence).toBe(5);
  });
});

const letter = (attributes: object): string =>
  JSON.stringify({
    specversion: '1.0',
    id: 'l-1',
    source: CALLER,
    type: 'belfry.reply',
    causationid: 'r-7',
    data: 'secret',
    ...attributes,
  });

describe('what is no letter', () => {
  it.each([
    ['nothing', ''],
    ['plain text', 'secret'],
    ['null', 'null'],
    ['a list', '["secret"]'],
    ['half a letter', letter({}).slice(0, -1)],
    ['no envelope', '{"data":"secret"}'],
    ['an event', letter({ type: 'orders.placed' })],
    ['a kind that nobody knows', letter({ type: 'belfry.secret' })],
    ['a kind with more behind it', letter({ type: 'belfry.reply.secret' })],
    ['a kind that every object has', letter({ type: 'belfry.constructor' })],
    ['about no request', letter({ causationid: undefined })],
    ['about null', letter({ causationid: null })],
    ['about a number', letter({ causationid: 7 })],
    ['from nobody', letter({ source: '' })],
    ['from a number', letter({ source: 7 })],
    ['a sequence below zero', letter({ sequence: -1 })],
    ['a sequence that is broken', letter({ sequence: 1.5 })],
    ['a sequence beyond what can be counted', letter({ sequence: '9999999999999999' })],
    ['a sequence like 1e21', letter({ sequence: 1e21 })],
    ['a sequence in words', letter({ sequence: 'secret' })],
    ['a request with a name without end', letter({ causationid: 'secret'.repeat(1000) })],
    ['a source that is no instance', letter({ source: '/secret' })],
    ['a source that is a Redis name', letter({ source: '/secret/}:inbox:{00000000000000ca' })],
    ['an empty sequence', letter({ sequence: '' })],
    ['a sequence that is null', letter({ sequence: null })],
    ['values that are no list', letter({ type: 'belfry.values', data: { length: 7, secret: 1 } })],
    ['no values at all', letter({ type: 'belfry.values', data: undefined })],
    ['credit in words', letter({ type: 'belfry.credit', data: 'secret' })],
    ['credit that is broken', letter({ type: 'belfry.credit', data: 1.5 })],
    ['credit without end', letter({ type: 'belfry.credit', data: 1e300 })],
    ['no credit', letter({ type: 'belfry.credit', data: undefined })],
    ['an error without a code', letter({ type: 'belfry.error', data: { secret: 1 } })],
    ['an error with a number for a code', letter({ type: 'belfry.error', data: { code: 7 } })],
    ['an error that is null', letter({ type: 'belfry.error', data: null })],
    ['an error that is a text', letter({ type: 'belfry.error', data: 'secret' })],
    ['no error', letter({ type: 'belfry.error', data: undefined })],
  ])('is refused, without a word of what it says: %s', (_, body) => {
    expect(() => decodeLetter(body)).toThrow(expect.objectContaining({ code: 'ENVELOPE_INVALID' }));
    expect(() => decodeLetter(body)).not.toThrow(/secret/);
  });
});
