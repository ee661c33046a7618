import { expect } from 'vitest';
import { accountedFor, allOf, countUp, double, failureOf } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { CountUp, Double, Half, numbers } from '../contracts.js';
import { Gate, until } from '../waiting.js';
import type { World } from '../world.js';

const pair = async (world: World) => [await world.bus('caller'), await world.bus('worker')] as const;
const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));

/** A caller may change its mind. */
export const requestAborts = [
  behaviour(
    'ends a request that its caller aborts: REQUEST_ABORTED with the cause, and aborts the handler',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      let reason: unknown;
      const { stats } = await worker.respond(Double, async (input, { signal }) => {
        reason = await aborted(signal);
        return double(input);
      });
      const abort = new AbortController();
      const asked = failureOf(caller.request(Double, { n: 1 }, { signal: abort.signal, timeout: '60s' }));
      await until(() => stats.inFlight === 1, 'the handler to begin');
      const cause = new Error('the page was closed');
      abort.abort(cause);
      const error = await asked;
      expect(error).toMatchObject({ code: 'REQUEST_ABORTED', message: expect.stringContaining('conformance.double') });
      expect(error.cause).toBe(cause);
      await until(() => stats.cancelled === 1, 'the handler to be told');
      expect(reason).toMatchObject({ code: 'REQUEST_ABORTED' });
      expect(stats).toMatchObject({ handled: 0, failed: 0, inFlight: 0 });
      expect(caller.requests).toMatchObject({ asked: 1, answered: 0, failed: 1, inFlight: 0 });
    },
  ),

  behaviour('does not blame a handler that fails because it was aborted', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const { stats } = await worker.respond(Double, async (_, { signal }) => {
      throw await aborted(signal);
    });
    const abort = new AbortController();
    const asked = failureOf(caller.request(Double, { n: 1 }, { signal: abort.signal }));
    await until(() => stats.inFlight === 1, 'the handler to begin');
    abort.abort();
    expect(await asked).toMatchObject({ code: 'REQUEST_ABORTED', cause: { name: 'AbortError' } });
    await until(() => stats.cancelled === 1, 'the handler to be told');
    expect(stats.failed).toBe(0);
    expect(world.logger.at('error')).toEqual([]);
  }),

  behaviour('does not send what was aborted before', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const { stats } = await worker.respond(Double, double);
    const streaming = await worker.respond(CountUp, countUp);
    const signal = AbortSignal.abort('long ago');
    const error = { code: 'REQUEST_ABORTED', cause: 'long ago' };
    await expect(caller.request(Double, { n: 1 }, { signal })).rejects.toMatchObject(error);
    expect(await allOf(caller.request(CountUp, { n: 1 }, { signal }))).toMatchObject({ values: [], error });
    const abort = new AbortController();
    const asked = failureOf(caller.request(Double, { n: 2 }, { signal: abort.signal }));
    abort.abort('in the same turn');
    expect(await asked).toMatchObject({ code: 'REQUEST_ABORTED', cause: 'in the same turn' });
    expect(await caller.request(Double, { n: 3 })).toEqual({ n: 6 });
    expect(await allOf(caller.request(CountUp, { n: 1 }))).toMatchObject({ values: [{ n: 0 }] });
    expect([stats.received, streaming.stats.received]).toEqual([1, 1]);
    expect(caller.requests.inFlight).toBe(0);
  }),

  behaviour(
    'never handles what was aborted while it waited for its turn, and counts it',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      const handled: number[] = [];
      const { stats } = await worker.respond(
        Double,
        async (input, { signal }) => {
          handled.push(input.n);
          if (input.n === 0) await aborted(signal);
          return double(input);
        },
        { concurrency: 1 },
      );
      const [first, others] = [new AbortController(), new AbortController()];
      const asked = numbers(6).map((n) =>
        failureOf(caller.request(Double, { n }, { signal: (n === 0 ? first : others).signal, timeout: '60s' })),
      );
      const wanted = caller.request(Double, { n: 6 }, { timeout: '60s' });
      await until(() => stats.received === 7, 'all of them');
      await caller.ready(Double); // the caller knows by now whom it asked
      others.abort();
      first.abort(); // arrives last, and is what the handler waits for
      for (const error of await Promise.all(asked)) expect(error).toMatchObject({ code: 'REQUEST_ABORTED' });
      expect(await wanted).toEqual({ n: 12 });
      await until(() => stats.inFlight === 0, 'the last to be counted');
      expect(handled).toEqual([0, 6]);
      expect(stats).toMatchObject({ received: 7, handled: 1, cancelled: 6, queued: 0 });
      expect(accountedFor(stats)).toBe(7);
    },
  ),

  behaviour('takes no notice of a signal that aborts after the answer', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const { stats } = await worker.respond(Double, double);
    const abort = new AbortController();
    expect(await caller.request(Double, { n: 1 }, { signal: abort.signal })).toEqual({ n: 2 });
    abort.abort();
    expect(await caller.request(Double, { n: 2 })).toEqual({ n: 4 });
    await until(() => stats.handled === 2, 'both to be counted');
    expect(stats.cancelled).toBe(0);
    expect(caller.requests).toMatchObject({ answered: 2, failed: 0 });
  }),

  behaviour(
    'ends nested requests when the outer one is aborted, and their handlers with them',
    ['requests'],
    async (world) => {
      const [caller, middle, last] = [...(await pair(world)), await world.bus('last')];
      let [reason, nested]: unknown[] = [];
      const half = await last.respond(Half, async ({ n }, { signal }) => {
        reason = await aborted(signal);
        return { n };
      });
      const { stats } = await middle.respond(Double, async ({ n }) => {
        nested = await failureOf(middle.request(Half, { n }, { timeout: '60s' }));
        return { n };
      });
      const abort = new AbortController();
      const asked = failureOf(caller.request(Double, { n: 1 }, { signal: abort.signal, timeout: '60s' }));
      await until(() => half.stats.inFlight === 1, 'the innermost handler to begin');
      abort.abort();
      expect(await asked).toMatchObject({ code: 'REQUEST_ABORTED' });
      await until(() => half.stats.cancelled === 1 && stats.cancelled === 1, 'both handlers to be told');
      expect(nested).toMatchObject({ code: 'REQUEST_ABORTED' });
      expect(reason).toMatchObject({ code: 'REQUEST_ABORTED' });
      for (const { requests } of [caller, middle]) expect(requests).toMatchObject({ asked: 1, failed: 1, inFlight: 0 });
    },
  ),

  behaviour('aborts one of many requests that share a handler, and no other', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const gate = new Gate();
    const told: number[] = [];
    const { stats } = await worker.respond(
      Double,
      async (input, { signal }) => {
        signal.addEventListener('abort', () => told.push(input.n));
        await gate.opened;
        return double(input);
      },
      { concurrency: 100 },
    );
    const aborts = numbers(50).map(() => new AbortController());
    const asked = aborts.map(({ signal }, n) =>
      caller.request(Double, { n }, { signal }).then(
        (answer) => answer.n,
        () => -1,
      ),
    );
    await until(() => stats.inFlight === 50, 'all to begin');
    for (const n of [3, 14, 15]) aborts[n]!.abort();
    await until(() => told.length === 3, 'three to be told');
    gate.open();
    expect(await Promise.all(asked)).toEqual(numbers(50).map((n) => ([3, 14, 15].includes(n) ? -1 : n * 2)));
    await until(() => stats.inFlight === 0, 'the handlers to be done');
    expect(told.toSorted((a, b) => a - b)).toEqual([3, 14, 15]);
    expect(stats).toMatchObject({ handled: 47, cancelled: 3 });
    expect(caller.requests).toMatchObject({ answered: 47, failed: 3, late: 0 });
  }),
];
