import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineChannel, isContract } from './index.js';

const define = (name: unknown, options?: unknown) => () => defineChannel(name as string, options as never);

describe('defineChannel', () => {
  it('takes the name literally, and text as it comes when there is no schema', () => {
    const channel = defineChannel('My Channel:*');
    expect(channel).toEqual({
      kind: 'channel',
      name: 'My Channel:*',
      channel: 'My Channel:*',
      guarantee: 'transient',
      schema: undefined,
      description: undefined,
    });
    expect(Object.isFrozen(channel)).toBe(true);
    expect(isContract(channel)).toBe(true);
  });

  it.each([
    ['zod', z.object({ n: z.number() })],
    ['valibot', v.object({ n: v.number() })],
    ['arktype', type({ n: 'number' })],
  ])('takes a schema of %s', (_, schema) => {
    expect(defineChannel('a', { schema, description: 'Numbers' })).toMatchObject({ schema, description: 'Numbers' });
  });

  it.each(['', undefined, 7])('refuses the name %j', (name) => {
    expect(define(name)).toThrow(expect.objectContaining({ code: 'CONTRACT_INVALID' }));
  });

  it.each([null, 'options'])('refuses the options %j', (options) => {
    expect(define('a', options)).toThrow(/CONTRACT_INVALID.*its options must be an object/);
  });

  it('lists every mistake in one error', () => {
    expect(define('', { schema: 1, description: 1, group: 'x' })).toThrow(
      /"group" is no option.*its name must.*schema must.*description must/,
    );
  });
});
