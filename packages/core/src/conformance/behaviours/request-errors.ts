import { inspect } from 'node:util';
import { defineRequest, type RequestErrors } from '@belfry/contracts';
import { expect } from 'vitest';
import { accountedFor, double, failureOf } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { Double, Half, type Numbered, numbers } from '../contracts.js';
import { schemaOf } from '../schemas.js';
import { nextTurn, until } from '../waiting.js';

const tooLarge = () => Double.error('TOO_LARGE', { n: 100 });
const secret = 'the secret word';

const waysToFail: { how: string; fail: () => never | Promise<never> | ReturnType<typeof tooLarge> }[] = [
  {
    how: 'throws',
    fail: () => {
      throw tooLarge();
    },
  },
  { how: 'rejects with', fail: () => nextTurn().then(() => Promise.reject(tooLarge())) },
  { how: 'returns', fail: tooLarge },
];

/** What goes wrong in a handler. */
export const requestErrors = [
  ...waysToFail.map(({ how, fail }) =>
    behaviour(
      `gives the caller the declared error that a handler ${how}, with its data`,
      ['requests'],
      async (world) => {
        const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
        const { stats } = await worker.respond(Double, fail);
        const error: unknown = await failureOf(caller.request(Double, { n: 1 }));
        if (!Double.isError(error, 'TOO_LARGE')) throw error;
        const { data }: RequestErrors<typeof Double> & { code: 'TOO_LARGE' } = error;
        expect(data).toEqual({ n: 100 });
        expect([Half.isError(error), Double.isError(error, 'FORBIDDEN')]).toEqual([false, false]);
        await until(() => stats.handled === 1, 'it to be counted: an answer like another');
        expect(caller.requests).toMatchObject({ asked: 1, answered: 1, failed: 0 });
        expect(world.logger.at('error')).toEqual([]);
      },
    ),
  ),

  behaviour('carries a declared error that has no data', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    await worker.respond(Double, () => Double.error('FORBIDDEN'));
    const error = await failureOf(caller.request(Double, { n: 1 }));
    expect([Double.isError(error, 'FORBIDDEN'), error.data]).toEqual([true, undefined]);
  }),

  behaviour('gives the caller what the schema makes of the data of an error', ['requests'], async (world) => {
    const Told = defineRequest('conformance.told', {
      input: Double.input,
      output: Double.output,
      errors: {
        ODD: schemaOf<Numbered, { text: string }>(async ({ n }) => {
          await nextTurn();
          return typeof n === 'number' ? { value: { text: `${n}` } } : { wrong: 'n' };
        }),
      },
    });
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    await worker.respond(Told, ({ n }) => Told.error('ODD', { n }));
    expect(await failureOf(caller.request(Told, { n: 7 }))).toMatchObject({ code: 'ODD', data: { text: '7' } });
  }),

  behaviour(
    'hides what a handler throws: HANDLER_FAILED, whose errorId stands in the log',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const thrown: unknown[] = [
        new Error(secret, { cause: new TypeError(secret) }),
        Object.assign(new Error('x'), { code: secret, secret }),
        secret,
        { secret },
        undefined,
        null,
      ];
      const responder = await worker.respond(Double, ({ n }) => {
        throw thrown[n];
      });
      const ids = new Set<unknown>();
      for (const n of thrown.keys()) {
        const error = await failureOf(caller.request(Double, { n }));
        expect(error).toMatchObject({ code: 'HANDLER_FAILED', errorId: expect.stringMatching(/./) });
        expect(error.message).toContain('conformance.double');
        expect(error.message).toContain(worker.instance);
        expect(`${inspect(error, { showHidden: true, depth: 5 })} ${error.stack}`).not.toContain(secret);
        expect(error.cause).toBeUndefined();
        const lines = world.logger.at('error').filter(({ fields }) => fields.errorId === error.errorId);
        expect(lines).toHaveLength(1);
        expect(lines[0]!.fields.err).toBe(thrown[n]);
        expect(lines[0]!.fields).toMatchObject({ request: 'conformance.double', source: `/caller/${caller.instance}` });
        ids.add(error.errorId);
      }
      expect(ids.size).toBe(thrown.length);
      expect(responder.stats).toMatchObject({ received: 6, failed: 6, handled: 0 });
      expect(caller.requests).toMatchObject({ asked: 6, answered: 0, failed: 6 });
    },
  ),

  behaviour(
    'hides errors that the contract does not declare, or not with such data: HANDLER_FAILED',
    ['requests'],
    async (world) => {
      const Other = defineRequest('conformance.other', {
        input: Half.input,
        output: Half.output,
        errors: { TOO_LARGE: null },
      });
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const errors = [
        () => Other.error('TOO_LARGE'),
        () => Double.error('UNHEARD_OF' as 'FORBIDDEN'),
        () => Double.error('TOO_LARGE', { n: secret as unknown as number }),
        () => Double.error('TOO_LARGE', undefined as unknown as Numbered),
      ];
      await worker.respond(Double, ({ n }) => {
        throw errors[n]!();
      });
      for (const n of errors.keys()) {
        const error = await failureOf(caller.request(Double, { n }));
        expect(error, `${n}`).toMatchObject({ code: 'HANDLER_FAILED', errorId: expect.stringMatching(/./) });
        expect(inspect(error, { showHidden: true })).not.toContain(secret);
      }
      expect(world.logger.at('error')).toHaveLength(4);
      expect(world.logger.text).not.toContain(secret);
    },
  ),

  behaviour(
    'shows what a handler throws, message and stack, only when the responder exposes its errors',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker', { exposeErrors: true })];
      const thrown = [new RangeError('how large it was'), 'just a text'];
      await worker.respond(Double, ({ n }) => {
        throw thrown[n];
      });
      const error = await failureOf(caller.request(Double, { n: 0 }));
      expect(error).toMatchObject({ code: 'HANDLER_FAILED', cause: { message: 'how large it was' } });
      expect((error.cause as Error).stack).toBe((thrown[0] as Error).stack);
      expect(await failureOf(caller.request(Double, { n: 1 }))).toMatchObject({ cause: { message: 'just a text' } });
    },
  ),

  behaviour('does not send what does not fit the input schema: PAYLOAD_INVALID', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller', { maxMessageBytes: 1000 }), await world.bus('worker')];
    const { stats } = await worker.respond(Double, double);
    for (const input of [{ n: secret }, {}, null, undefined, [secret]]) {
      const error = await failureOf(caller.request(Double, input as unknown as Numbered));
      expect(error).toMatchObject({ code: 'PAYLOAD_INVALID', issues: [{ path: 'n' }] });
      expect(error.message).not.toContain(secret);
    }
    const large = { n: 1, note: 'x'.repeat(1000) };
    await expect(caller.request(Double, large)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    await expect(caller.request(Double, { n: 1, big: 1n } as Numbered)).rejects.toMatchObject({
      code: 'PAYLOAD_INVALID',
    });
    expect(await caller.request(Double, { n: 1 })).toEqual({ n: 2 });
    expect(stats.received).toBe(1);
    expect(caller.requests).toMatchObject({ asked: 1, failed: 0 });
  }),

  behaviour(
    'does not handle what does not fit the input schema: REQUEST_REJECTED, and counted',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller', { validate: { publish: false } }), await world.bus('worker')];
      const inputs: Numbered[] = [];
      const { stats } = await worker.respond(Double, (input) => {
        inputs.push(input);
        return double(input);
      });
      for (const input of [{ n: secret }, null, [secret]]) {
        const error = await failureOf(caller.request(Double, input as unknown as Numbered));
        expect(error).toMatchObject({ code: 'REQUEST_REJECTED', message: expect.stringContaining('n') });
        expect(error.message).toContain(worker.instance);
        expect(error.message).not.toContain(secret);
      }
      expect(await caller.request(Double, { n: 1 })).toEqual({ n: 2 });
      expect(inputs).toEqual([{ n: 1 }]);
      await until(() => stats.handled === 1, 'the last to be counted');
      expect(stats).toMatchObject({ received: 4, handled: 1, failed: 0, rejected: { invalid: 3 } });
      expect(accountedFor(stats)).toBe(4);
      expect(world.logger.at('warn').length + world.logger.at('error').length).toBeGreaterThan(0);
      expect(world.logger.text).not.toContain(secret);
    },
  ),

  behaviour(
    'rejects at once what is larger than the responder takes: REQUEST_REJECTED',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker', { maxMessageBytes: 1000 })];
      const { stats } = await worker.respond(Double, double);
      const large = { n: 1, note: 'x'.repeat(1000) };
      const error = await failureOf(caller.request(Double, large, { timeout: '3s' }));
      expect(stats.rejected.tooLarge).toBe(1);
      expect(error).toMatchObject({ code: 'REQUEST_REJECTED' });
    },
  ),

  behaviour('does not send an answer that breaks the contract: HANDLER_FAILED', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker', { maxMessageBytes: 1000 })];
    const circular: Record<string, unknown> = { n: 1 };
    circular.self = circular;
    const answers: unknown[] = [
      { n: secret },
      undefined,
      null,
      { n: 1, big: 1n },
      circular,
      () => secret,
      { n: 1, note: secret.repeat(100) },
    ];
    const { stats } = await worker.respond(Double, ({ n }) => answers[n] as Numbered);
    for (const n of answers.keys()) {
      const error = await failureOf(caller.request(Double, { n }));
      expect(error, `${n}`).toMatchObject({ code: 'HANDLER_FAILED', errorId: expect.stringMatching(/./) });
      const line = world.logger.at('error').find(({ fields }) => fields.errorId === error.errorId);
      const isLarge = n === answers.length - 1;
      expect(line?.fields.err, `${n}`).toMatchObject({ code: isLarge ? 'PAYLOAD_TOO_LARGE' : 'REPLY_INVALID' });
    }
    expect(stats).toMatchObject({ received: 7, failed: 7, handled: 0 });
    expect(world.logger.text).not.toContain(secret);
  }),

  behaviour('survives whatever a handler throws: HANDLER_FAILED', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker', { exposeErrors: true })];
    const hostile = () => {
      throw new Error('a trap');
    };
    const thrown: unknown[] = [
      null,
      undefined,
      'text',
      Object.create(null),
      { toString: hostile },
      new Proxy(new Error('x'), { get: hostile }),
      Object.freeze(new Error('frozen')),
      Object.defineProperty(new Error('x'), 'message', { get: hostile }),
    ];
    const { stats } = await worker.respond(
      Double,
      ({ n }) => {
        throw thrown[n];
      },
      { concurrency: 1 },
    );
    for (const n of numbers(thrown.length))
      await expect(caller.request(Double, { n }), `${n}`).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
    await until(() => stats.failed === thrown.length && stats.inFlight === 0, 'all of them to fail');
  }),

  behaviour(
    'does not send what JSON cannot say, also without a schema to refuse it: HANDLER_FAILED',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker', { validate: false })];
      const answers: unknown[] = [undefined, () => 1, { n: 1n }];
      await worker.respond(Double, ({ n }) => answers[n] as Numbered);
      for (const n of numbers(3))
        await expect(caller.request(Double, { n }), `${n}`).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
    },
  ),

  behaviour('does not give the caller what breaks its own contract: REPLY_INVALID', ['requests'], async (world) => {
    const text = schemaOf<{ text: string }>(({ text: value }) =>
      typeof value === 'string' ? { value: { text: value } } : { wrong: 'text' },
    );
    const pondered = schemaOf<{ text: string }>(() => nextTurn().then(() => ({ wrong: 'text' })));
    const OtherDouble = defineRequest('conformance.double', {
      input: Double.input,
      output: text,
      errors: { TOO_LARGE: text },
    });
    const SlowDouble = defineRequest('conformance.double', { input: Double.input, output: pondered });
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    await worker.respond(Double, ({ n }) => {
      if (n === 1) return tooLarge();
      return n === 2 ? Double.error('FORBIDDEN') : { n };
    });
    for (const [n, contract] of [OtherDouble, OtherDouble, OtherDouble].entries()) {
      const error = await failureOf(caller.request(contract, { n }));
      expect(error, `${n}`).toMatchObject({
        code: 'REPLY_INVALID',
        message: expect.stringContaining('conformance.double'),
      });
      if (n < 2) expect(error.issues).toMatchObject([{ path: 'text' }]);
    }
    await expect(caller.request(SlowDouble, { n: 0 })).rejects.toMatchObject({ code: 'REPLY_INVALID' });
    const trusting = await world.bus('trusting', { validate: false });
    expect(await trusting.request(OtherDouble, { n: 7 }), 'unless it does not look').toEqual({ n: 7 });
  }),
];
