import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type BelfryError, defineEvent, isContract } from './index.js';

const mistakesOf = (name: unknown, options: unknown): string => {
  try {
    defineEvent(name as string, options as { schema: z.ZodString });
  } catch (error) {
    expect((error as BelfryError).code).toBe('CONTRACT_INVALID');
    return (error as BelfryError).message;
  }
  throw new Error('The event was defined.');
};

describe('defineEvent', () => {
  it('fills in what is left out', () => {
    const schema = z.object({ id: z.string() });
    expect(defineEvent('orders.placed', { schema })).toEqual({
      kind: 'event',
      name: 'orders.placed',
      version: 1,
      channel: 'orders.placed',
      guarantee: 'transient',
      schema,
      key: undefined,
      retention: { age: 86_400_000, count: undefined, cap: undefined },
      duplicateWindow: 3_600_000,
      description: undefined,
      examples: [],
    });
  });

  it('says for how long a durable event is kept, and an id remembered', () => {
    const contract = defineEvent('orders.placed', {
      schema: z.object({ id: z.string() }),
      guarantee: 'durable',
      retain: { age: '7d', count: 5000, cap: 100_000 },
      duplicateWindow: '10m',
    });
    expect(contract.retention).toEqual({ age: 604_800_000, count: 5000, cap: 100_000 });
    expect(contract.duplicateWindow).toBe(600_000);
    expect(Object.isFrozen(contract.retention)).toBe(true);
  });

  it('refuses what makes no sense of the log, all of it at once', () => {
    const define = (options: object) => () =>
      defineEvent('orders.placed', { schema: z.object({ id: z.string() }), ...options });
    const wrong = {
      guarantee: 'durable',
      retain: { age: 'long', count: 0, cap: 1.5, size: 1 },
      duplicateWindow: '1 h',
    };
    expect(define(wrong)).toThrow(
      /retain: "size" is no option.*retain\.age.*retain\.count.*retain\.cap.*duplicateWindow/,
    );
    expect(define({ guarantee: 'durable', retain: 7 })).toThrow(/retain: its options must be an object/);
    expect(define({ retain: { age: '7d' } })).toThrow(/are for durable events/);
    expect(define({ duplicateWindow: '1m' })).toThrow(/are for durable events/);
  });

  it('says how much of a transient event is kept for broadcast subscribers that are away', () => {
    const recovery = (recover: object) =>
      defineEvent('orders.placed', { schema: z.object({ id: z.string() }), recover }).recovery;
    expect(recovery({})).toEqual({ age: 3_600_000, count: 10_000 });
    expect(recovery({ age: '10m' })).toEqual({ age: 600_000, count: 10_000 });
    expect(recovery({ age: 1, count: 1 })).toEqual({ age: 1, count: 1 });
    expect(Object.isFrozen(recovery({}))).toBe(true);
    expect(defineEvent('orders.placed', { schema: z.object({ id: z.string() }) }).recovery).toBeUndefined();
  });

  it('refuses what makes no sense of what is kept, all of it at once', () => {
    expect(
      mistakesOf('orders.placed', { schema: z.string(), version: 0, recover: { age: 'long', count: 0, size: 1 } }),
    ).toMatch(/(?=.*recover: "size" is no option)(?=.*recover\.age)(?=.*recover\.count)(?=.*version must be)/);
    for (const recover of [7, null, 'all', true])
      expect(mistakesOf('orders.placed', { schema: z.string(), recover })).toContain(
        'recover: its options must be an object',
      );
    for (const age of [0, -1, 0.5, '1 h', null, Number.POSITIVE_INFINITY])
      expect(mistakesOf('orders.placed', { schema: z.string(), recover: { age } }), `${age}`).toContain(
        'recover.age must be',
      );
    for (const count of [0, -1, 1.5, '10', null, Number.POSITIVE_INFINITY])
      expect(mistakesOf('orders.placed', { schema: z.string(), recover: { count } }), `${count}`).toContain(
        'recover.count must be',
      );
  });

  it('refuses to recover a durable event, whose log has what was missed', () => {
    for (const recover of [{}, { age: '1h' }])
      expect(mistakesOf('orders.placed', { schema: z.string(), guarantee: 'durable', recover })).toContain(
        'recover is for transient events',
      );
  });

  it('keeps what it is told, and puts a later version on a channel of its own', () => {
    const contract = defineEvent('orders.placed', {
      schema: z.object({ id: z.string() }),
      guarantee: 'durable',
      key: ({ id }) => id,
      version: 3,
      description: 'An order was placed',
      examples: [{ id: 'o-1' }],
    });
    expect(contract).toMatchObject({ version: 3, channel: 'orders.placed.v3', guarantee: 'durable' });
    expect(contract.key?.({ id: 'o-7' })).toBe('o-7');
    expect(contract.examples).toEqual([{ id: 'o-1' }]);
  });

  it('returns a frozen value, with examples of its own', () => {
    const examples = ['a'];
    const contract = defineEvent('a.b', { schema: z.string(), examples });
    examples.push('b');
    expect(contract.examples).toEqual(['a']);
    expect(Object.isFrozen(contract)).toBe(true);
    expect(Object.isFrozen(contract.examples)).toBe(true);
  });

  it.each([
    ['zod', z.object({ id: z.string() })],
    ['valibot', v.object({ id: v.string() })],
    ['arktype', type({ id: 'string' })],
  ])('takes a schema of %s', (_, schema) => {
    expect(defineEvent('a.b', { schema }).schema).toBe(schema);
  });

  it.each([
    'a',
    'orders.placed',
    'orders.line-items.added_2',
    '2fa.used',
    'orders.v2.placed',
    'orders.v',
    'orders.v2x',
  ])('accepts the name %j', (name) => expect(defineEvent(name, { schema: z.string() }).name).toBe(name));

  it.each([
    '',
    'Orders.placed',
    'orders..placed',
    '.a',
    'a.',
    'a b',
    'a:b',
    'orders.*',
    '-a',
    'orders.placed.v2',
    'v1',
    7,
    undefined,
  ])('refuses the name %j', (name) =>
    expect(mistakesOf(name, { schema: z.string() })).toContain('its name must be dotted lower case'),
  );

  it.each([0, -1, 1.5, '2', Number.NaN, 1e21])('refuses the version %j', (version) => {
    expect(mistakesOf('a.b', { schema: z.string(), version })).toContain('version must be a whole number from 1');
  });

  it.each([undefined, null, 'string', {}, { '~standard': {} }])('refuses the schema %j', (schema) => {
    expect(mistakesOf('a.b', { schema })).toContain('schema must be a Standard Schema');
  });

  it.each([undefined, null, 'options'])('refuses the options %j', (options) => {
    expect(mistakesOf('a.b', options)).toContain('its options must be an object');
  });

  it('lists every mistake in one error', () => {
    const message = mistakesOf('A', {
      schema: 1,
      guarantee: 'twice',
      key: 'id',
      version: 0,
      description: 1,
      examples: 'x',
      retries: 3,
    });
    for (const clause of [
      '"retries" is no option',
      'its name',
      'schema',
      'guarantee',
      'key',
      'version',
      'description',
      'examples',
    ])
      expect(message).toContain(clause);
  });
});

describe('isContract', () => {
  it('knows a contract, also one made by another copy of this package', () => {
    expect(isContract(defineEvent('a.b', { schema: z.string() }))).toBe(true);
    expect(isContract({ ...defineEvent('a.b', { schema: z.string() }) })).toBe(true);
  });

  it.each([
    undefined,
    null,
    'a.b',
    7,
    {},
    [],
    { kind: 'event' },
    { kind: 'request', name: 'a', channel: 'a' },
    () => {},
  ])('refuses %j', (value) => expect(isContract(value)).toBe(false));
});
