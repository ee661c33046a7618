import { defineRequest } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Quote, RESPONDER } from '../test/doubles.js';
import { errorOf, isDeclared, replyInvalid } from './failure.js';
import type { Letter } from './letter.js';

const letter = (data: unknown): Letter => ({
  kind: 'error',
  request: 'r-1',
  source: RESPONDER,
  sequence: 0,
  data,
  size: 0,
});

describe('an error that the contract declares', () => {
  it('is read with its data as the schema gives them', () => {
    const error = errorOf(Quote, letter({ code: 'UNKNOWN_SKU', data: { sku: 'four' } }), true, 5000);
    expect(Quote.isError(error)).toBe(true);
    expect(error).toMatchObject({ code: 'UNKNOWN_SKU', data: { sku: 4 }, request: 'pricing.quote' });
  });

  it('may have no data, and gets none that nobody declared', () => {
    expect(errorOf(Quote, letter({ code: 'SOLD_OUT' }), true, 5000)).toMatchObject({
      code: 'SOLD_OUT',
      data: undefined,
    });
  });

  it('is REPLY_INVALID when its data do not fit, without a word of them', () => {
    const error = errorOf(Quote, letter({ code: 'UNKNOWN_SKU', data: { sku: ['secret'] } }), true, 5000);
    expect(error).toMatchObject({ code: 'REPLY_INVALID', message: expect.stringContaining('at sku') });
    expect((error as Error).message).not.toContain('secret');
  });

  it('is waited for when its schema is asynchronous', async () => {
    const Slow = defineRequest('a.b', {
      input: z.null(),
      output: z.null(),
      errors: { NOPE: z.string().refine(async (text) => text !== 'bad') },
    });
    await expect(errorOf(Slow, letter({ code: 'NOPE', data: 'good' }), true, 5000)).resolves.toMatchObject({
      data: 'good',
    });
    await expect(errorOf(Slow, letter({ code: 'NOPE', data: 'bad' }), true, 5000)).resolves.toMatchObject({
      code: 'REPLY_INVALID',
    });
  });

  it('is read as it came when checking is switched off', () => {
    expect(errorOf(Quote, letter({ code: 'UNKNOWN_SKU', data: 7 }), false, 5000)).toMatchObject({ data: 7 });
  });
});

describe('any other error', () => {
  it('is HANDLER_FAILED, with the id under which the responder logged it, and nothing else', () => {
    const error = errorOf(Quote, letter({ code: 'HANDLER_FAILED', errorId: 'e-1' }), true, 5000);
    expect(error).toMatchObject({ code: 'HANDLER_FAILED', errorId: 'e-1' });
    expect(error).not.toHaveProperty('cause');
    for (const word of ['pricing.quote', RESPONDER.slice(1), 'e-1']) expect((error as Error).message).toContain(word);
    expect(errorOf(Quote, letter({ code: 'HANDLER_FAILED' }), true, 5000)).not.toHaveProperty('errorId');
  });

  it('has the handler’s own words as its cause when the responder exposes them', () => {
    const detail = { message: 'no connection', stack: 'Error: no connection\n    at charge' };
    const error = errorOf(Quote, letter({ code: 'HANDLER_FAILED', errorId: 'e-1', detail }), true, 5000);
    expect((error as Error).cause).toBeInstanceOf(Error);
    expect((error as Error).cause).toMatchObject(detail);
  });

  it('says that the answer is larger than what is read here', () => {
    const error = errorOf(Quote, letter({ code: 'PAYLOAD_TOO_LARGE' }), true, 5000);
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', message: expect.stringContaining('pricing.quote') });
  });

  it('is REQUEST_REJECTED with the reason', () => {
    const error = errorOf(Quote, letter({ code: 'REQUEST_REJECTED', reason: 'its queue is full' }), true, 5000);
    expect(error).toMatchObject({ code: 'REQUEST_REJECTED', message: expect.stringContaining('its queue is full') });
  });

  it.each(['NOPE', 'constructor', '__proto__', 'NO_RESPONDERS', ''])('is REPLY_INVALID when its code is %j', (code) => {
    expect(errorOf(Quote, letter({ code, data: 1 }), true, 5000)).toMatchObject({ code: 'REPLY_INVALID' });
    expect(isDeclared(Quote, letter({ code }))).toBe(false);
  });
});

it('knows what is declared', () => {
  expect(isDeclared(Quote, letter({ code: 'SOLD_OUT' }))).toBe(true);
  expect(isDeclared(Quote, letter({ code: 'HANDLER_FAILED' }))).toBe(false);
});

it('says where an answer does not fit, and what the schema found only in `issues`', () => {
  const issues = [{ message: 'got "secret"', path: 'items.0' }, { message: 'no' }];
  const error = replyInvalid(Quote, issues);
  expect(error).toMatchObject({ code: 'REPLY_INVALID', issues });
  expect(error.message).toContain('at items.0, (the whole)');
  expect(error.message).not.toContain('secret');
});
