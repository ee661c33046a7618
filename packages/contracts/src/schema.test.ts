import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Schema, type Validation, validate } from './index.js';

const object = {
  zod: z.object({ items: z.array(z.object({ sku: z.string() })) }),
  valibot: v.object({ items: v.array(v.object({ sku: v.string() })) }),
  arktype: type({ items: type({ sku: 'string' }).array() }),
};

const length = {
  zod: z.string().transform((text) => text.length),
  valibot: v.pipe(
    v.string(),
    v.transform((text) => text.length),
  ),
  arktype: type('string').pipe((text) => text.length),
};

/** A schema that answers as told. */
const answering = (answer: () => unknown): Schema => ({
  '~standard': { version: 1, vendor: 'test', validate: answer as never },
});

const issuesOf = (validation: Validation | Promise<Validation>): unknown => {
  expect(validation).toMatchObject({ valid: false });
  return (validation as { issues: unknown }).issues;
};

describe.each(['zod', 'valibot', 'arktype'] as const)('validate, with %s', (library) => {
  it('accepts what fits, at once', () => {
    const data = { items: [{ sku: 'a' }] };
    expect(validate(object[library], data)).toEqual({ valid: true, value: data });
  });

  it('says where the data do not fit', () => {
    expect(validate(object[library], { items: [{ sku: 'a' }, { sku: 7 }] })).toEqual({
      valid: false,
      issues: [{ message: expect.any(String), path: 'items.1.sku' }],
    });
  });

  it('gives no path when the whole is wrong', () => {
    expect(validate(object[library], 7)).toEqual({ valid: false, issues: [{ message: expect.any(String) }] });
  });

  it("gives the schema's output", () => {
    expect(validate(length[library], 'four')).toEqual({ valid: true, value: 4 });
  });
});

describe('validate', () => {
  it.each([
    ['zod', z.string().refine(async (text) => text === 'yes')],
    [
      'valibot',
      v.pipeAsync(
        v.string(),
        v.checkAsync(async (text) => text === 'yes'),
      ),
    ],
  ])('waits for an asynchronous schema of %s', async (_, schema) => {
    expect(validate(schema, 'yes')).toBeInstanceOf(Promise);
    await expect(validate(schema, 'yes')).resolves.toEqual({ valid: true, value: 'yes' });
    await expect(validate(schema, 'no')).resolves.toMatchObject({ valid: false });
  });

  it('waits for a promise that is not the native one', async () => {
    const schema = answering(() => ({
      // biome-ignore lint/suspicious/noThenProperty: a promise of another library is what this is about
      then: (done: (result: unknown) => void) => done({ issues: [{ message: 'no' }] }),
    }));
    expect(validate(schema, 'x')).toBeInstanceOf(Promise);
    await expect(validate(schema, 'x')).resolves.toEqual({ valid: false, issues: [{ message: 'no' }] });
  });

  it('refuses when the schema throws, and does not repeat what was thrown', async () => {
    const refused = [{ message: 'the schema threw RangeError' }];
    const secret = new RangeError('the card number 4111 is odd');
    expect(
      issuesOf(
        validate(
          answering(() => {
            throw secret;
          }),
          'x',
        ),
      ),
    ).toEqual(refused);
    expect(
      issuesOf(
        await validate(
          answering(() => Promise.reject(secret)),
          'x',
        ),
      ),
    ).toEqual(refused);
    expect(
      issuesOf(
        validate(
          answering(() => {
            throw '4111';
          }),
          'x',
        ),
      ),
    ).toEqual([{ message: 'the schema threw string' }]);
  });

  it.each([undefined, null, { issues: 7 }, { issues: [{ message: 'no', path: [null] }] }])(
    'refuses when the schema answers %j, which makes no sense',
    async (answer) => {
      expect(
        validate(
          answering(() => answer),
          'x',
        ),
      ).toMatchObject({ valid: false });
      await expect(
        validate(
          answering(async () => answer),
          'x',
        ),
      ).resolves.toMatchObject({ valid: false });
    },
  );

  it('writes a path of any kind of step', () => {
    const path = [{ key: 'items' }, 0, Symbol('mark'), 'sku'];
    expect(
      issuesOf(
        validate(
          answering(() => ({ issues: [{ message: 'no', path }] })),
          'x',
        ),
      ),
    ).toEqual([{ message: 'no', path: 'items.0.Symbol(mark).sku' }]);
  });
});
