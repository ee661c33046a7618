import { expect } from 'vitest';
import type { Middleware } from '../../middleware.js';
import { allOf, countUp, double, failureOf } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { CountUp, Double, type Numbered } from '../contracts.js';
import { until } from '../waiting.js';

const only =
  (side: 'request' | 'respond', layer: Middleware): Middleware =>
  (call, next) =>
    call.side === side ? layer(call, next) : next();

const numberOf = (data: unknown): number => (data as Numbered).n;

/** Layers around every request and every answer. */
export const requestMiddleware = [
  behaviour(
    'goes through middleware on both sides of a request, and shows it the answer',
    ['requests'],
    async (world) => {
      const steps: string[] = [];
      const layer =
        (name: string): Middleware =>
        async (call, next) => {
          steps.push(`${name} before ${call.side} ${call.contract?.name} ${numberOf(call.data)}`);
          const answer = await next();
          steps.push(`${name} after ${call.side} ${numberOf(answer)}`);
          return answer;
        };
      const middleware = [layer('outer'), layer('inner')];
      const [caller, worker] = [await world.bus('caller', { middleware }), await world.bus('worker', { middleware })];
      await worker.respond(Double, double);
      await caller.request(Double, { n: 4 });
      expect(steps).toEqual([
        'outer before request conformance.double 4',
        'inner before request conformance.double 4',
        'outer before respond conformance.double 4',
        'inner before respond conformance.double 4',
        'inner after respond 8',
        'outer after respond 8',
        'inner after request 8',
        'outer after request 8',
      ]);
    },
  ),

  behaviour(
    'lets middleware change what is asked, what is handled and what is answered',
    ['requests'],
    async (world) => {
      const change =
        (before: number, after: number): Middleware =>
        async (call, next) => {
          call.data = { n: numberOf(call.data) + before };
          if (call.side === 'request') call.extensions.changed = true;
          return { n: numberOf(await next()) + after };
        };
      const caller = await world.bus('caller', { middleware: [change(1, 1000)] });
      const worker = await world.bus('worker', { middleware: [change(10, 10_000)] });
      const handled: unknown[] = [];
      await worker.respond(Double, (input, { data, extensions }) => {
        handled.push(input, data, { ...extensions });
        return double(input);
      });
      expect(await caller.request(Double, { n: 100 })).toEqual({ n: 11_222 });
      expect(handled).toEqual([{ n: 111 }, { n: 101 }, { changed: true }]);
    },
  ),

  behaviour('checks what middleware makes of a question and of an answer', ['requests'], async (world) => {
    const spoil: Middleware = async (call, next) => {
      if (call.side === 'request') call.data = { n: 'spoilt' };
      const answer = await next();
      return call.side === 'respond' ? { n: 'spoilt' } : answer;
    };
    const [caller, worker, spoiled] = [
      await world.bus('caller'),
      await world.bus('worker', { middleware: [spoil] }),
      await world.bus('caller', { middleware: [spoil] }),
    ];
    const { stats } = await worker.respond(Double, double);
    await expect(spoiled.request(Double, { n: 1 })).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    await expect(caller.request(Double, { n: 1 })).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
    expect(stats.received).toBe(1);
  }),

  behaviour('lets middleware refuse to ask, or answer by itself: nothing is sent', ['requests'], async (world) => {
    const refusal = new Error('not today');
    const refuse = only('request', (call, next) => {
      if (numberOf(call.data) === 1) throw refusal; // not even asynchronous
      return numberOf(call.data) === 2 ? Promise.resolve({ n: 2000 }) : next();
    });
    const [caller, worker] = [await world.bus('caller', { middleware: [refuse] }), await world.bus('worker')];
    const handled: number[] = [];
    await worker.respond(Double, (input) => {
      handled.push(input.n);
      return double(input);
    });
    await worker.respond(CountUp, countUp);
    await expect(caller.request(Double, { n: 1 })).rejects.toBe(refusal);
    expect(await caller.request(Double, { n: 2 })).toEqual({ n: 2000 });
    expect(await caller.request(Double, { n: 3 })).toEqual({ n: 6 });
    expect(await allOf(caller.request(CountUp, { n: 1 }))).toEqual({ values: [], error: refusal });
    expect(handled).toEqual([3]);
    expect(caller.requests).toMatchObject({ asked: 1, answered: 1, inFlight: 0 });
  }),

  behaviour('lets middleware refuse to answer, with a declared error or any other', ['requests'], async (world) => {
    const refusal = new Error('not for you');
    const refuse = only('respond', (call, next) => {
      if (numberOf(call.data) === 1) throw refusal;
      if (numberOf(call.data) === 2) throw Double.error('FORBIDDEN');
      return next();
    });
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker', { middleware: [refuse] })];
    const { stats } = await worker.respond(Double, double);
    const failed = await failureOf(caller.request(Double, { n: 1 }));
    expect(failed).toMatchObject({ code: 'HANDLER_FAILED' });
    expect(world.logger.at('error')).toMatchObject([{ fields: { err: refusal, errorId: failed.errorId } }]);
    expect(await failureOf(caller.request(Double, { n: 2 }))).toMatchObject({ code: 'FORBIDDEN' });
    expect(await caller.request(Double, { n: 3 })).toEqual({ n: 6 });
    await until(() => stats.handled === 2, 'both to be counted');
    expect(stats.failed).toBe(1);
  }),

  behaviour(
    'lets middleware see and replace the values of a stream where they are made',
    ['requests'],
    async (world) => {
      const tenfold = only('respond', async (_, next) => {
        const values = (await next()) as AsyncIterable<Numbered>;
        return (async function* () {
          for await (const { n } of values) yield { n: n * 10 };
        })();
      });
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker', { middleware: [tenfold] })];
      await worker.respond(CountUp, countUp);
      const { values } = await allOf(caller.request(CountUp, { n: 3 }));
      expect(values).toEqual([{ n: 0 }, { n: 10 }, { n: 20 }]);
    },
  ),

  behaviour('gives middleware the iterator of a stream, once it is asked for', ['requests'], async (world) => {
    const seen: unknown[] = [];
    const look = only('request', async (_, next) => {
      const answer = await next();
      seen.push(typeof (answer as AsyncIterator<Numbered>).next);
      return answer;
    });
    const [caller, worker] = [await world.bus('caller', { middleware: [look] }), await world.bus('worker')];
    await worker.respond(CountUp, countUp);
    expect((await allOf(caller.request(CountUp, { n: 3 }))).values).toHaveLength(3);
    expect(seen).toEqual(['function']);
  }),

  behaviour('never hangs where middleware answers a stream by itself', ['requests'], async (world) => {
    const cached = only('request', async () => countUp({ n: 2 }));
    const [caller, worker] = [await world.bus('caller', { middleware: [cached] }), await world.bus('worker')];
    await worker.respond(CountUp, countUp);
    let ended = false;
    const all = allOf(caller.request(CountUp, { n: 3 }, { timeout: 500 })).finally(() => {
      ended = true;
    });
    await until(() => ended, 'the iteration to end');
    const { values, error } = await all;
    if (error === undefined) expect(values).toEqual([{ n: 0 }, { n: 1 }]);
  }),
];
