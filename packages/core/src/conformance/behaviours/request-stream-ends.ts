import { defineRequest } from '@belfry/contracts';
import { expect } from 'vitest';
import { currentContext } from '../../context.js';
import { accountedFor, allOf, countUp, double } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { CountUp, Double, type Numbered, numbers } from '../contracts.js';
import { anything } from '../schemas.js';
import { Gate, until } from '../waiting.js';
import type { World } from '../world.js';

const pair = async (world: World) => [await world.bus('caller'), await world.bus('worker')] as const;

/** A stream that nobody waits for any more, or that is none. */
export const requestStreamEnds = [
  behaviour(
    'ends a stream whose next value does not come in time: REQUEST_TIMEOUT, and stops the handler',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      let reason: unknown;
      let finished = false;
      const { stats } = await worker.respond(CountUp, async function* ({ n }, { signal }) {
        try {
          yield* countUp({ n });
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          reason = signal.reason;
          throw reason;
        } finally {
          finished = true;
        }
      });
      const { values, error } = await allOf(caller.request(CountUp, { n: 3 }, { timeout: 300 }));
      expect(values).toHaveLength(3);
      expect(error).toMatchObject({
        code: 'REQUEST_TIMEOUT',
        message: expect.stringContaining('conformance.count-up'),
      });
      for (const part of ['300 ms', worker.instance]) expect((error as Error).message).toContain(part);
      await until(() => finished && stats.inFlight === 0, 'the finally');
      expect(['REQUEST_TIMEOUT', 'REQUEST_ABORTED']).toContain((reason as { code: string }).code);
      expect(accountedFor(stats)).toBe(1);
      expect(caller.requests).toMatchObject({ asked: 1, failed: 1, inFlight: 0 });
    },
  ),

  behaviour(
    'does not take a stream for complete whose generator gave up at its deadline',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      let gaveUp = false;
      await worker.respond(CountUp, async function* ({ n }, { signal }) {
        yield* countUp({ n });
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        gaveUp = true;
      });
      const values = caller.request(CountUp, { n: 3 }, { timeout: 200 });
      expect(await values.next()).toEqual({ done: false, value: { n: 0 } });
      await until(() => gaveUp, 'the generator to give up');
      expect(await allOf(values)).toMatchObject({ values: [{ n: 1 }, { n: 2 }], error: { code: 'REQUEST_TIMEOUT' } });
    },
  ),

  behaviour(
    'counts the time of a stream for each value: neither the whole nor a slow caller matters',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      let aborted = false;
      await worker.respond(CountUp, async function* ({ n }, { signal }) {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        for (const value of numbers(n)) {
          if (value < 4) await new Promise((resolve) => setTimeout(resolve, 200));
          yield { n: value };
        }
      });
      let next = 0;
      for await (const { n } of caller.request(CountUp, { n: 1000 }, { timeout: 600 })) {
        expect(n).toBe(next++);
        if (n === 10) await new Promise((resolve) => setTimeout(resolve, 1500));
      }
      expect([next, aborted]).toEqual([1000, false]);
    },
  ),

  behaviour(
    'ends a stream that its caller aborts: REQUEST_ABORTED with the cause, and runs the finally',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      const finished: string[] = [];
      await worker.respond(CountUp, async function* ({ n }, { signal }) {
        try {
          yield* countUp({ n });
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        } finally {
          finished.push((signal.reason as { code: string }).code);
        }
      });
      for (const [round, n] of [2, 100_000].entries()) {
        const abort = new AbortController();
        const values = caller.request(CountUp, { n }, { signal: abort.signal });
        expect(await values.next()).toEqual({ done: false, value: { n: 0 } });
        expect(await values.next()).toEqual({ done: false, value: { n: 1 } });
        const waiting = n === 2 ? values.next() : undefined;
        abort.abort('not needed any more');
        const error = { code: 'REQUEST_ABORTED', cause: 'not needed any more' };
        await expect(waiting ?? values.next()).rejects.toMatchObject(error);
        expect(await values.next()).toEqual({ done: true, value: undefined });
        await until(() => finished.length > round, 'the finally');
      }
      expect(finished).toEqual(['REQUEST_ABORTED', 'REQUEST_ABORTED']);
      expect(caller.requests).toMatchObject({ asked: 2, failed: 2, inFlight: 0 });
    },
  ),

  behaviour(
    'answers many after one and one after many: a stopped stream leaves nothing behind',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      let running = 0;
      const { stats } = await worker.respond(
        CountUp,
        async function* ({ n }) {
          running++;
          try {
            yield* countUp({ n });
          } finally {
            running--;
          }
        },
        { concurrency: 2 },
      );
      for (const round of numbers(30)) {
        let taken = 0;
        for await (const { n } of caller.request(CountUp, { n: 10_000 })) {
          expect(n).toBe(taken++);
          if (taken === round * 10 + 1) break;
        }
      }
      await until(() => running === 0 && stats.inFlight === 0, 'all to be stopped');
      expect(accountedFor(stats)).toBe(30);
      expect(caller.requests).toMatchObject({ asked: 30, answered: 30, inFlight: 0 });
    },
  ),

  behaviour('keeps the context of the request in a generator that was held back', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const ids = new Set<string | undefined>();
    let messageId = '';
    await worker.respond(CountUp, async function* ({ n }, context) {
      messageId = context.messageId;
      for (const value of numbers(n)) {
        ids.add(currentContext()?.messageId);
        yield { n: value };
      }
    });
    expect((await allOf(caller.request(CountUp, { n: 1000 }))).values).toHaveLength(1000);
    expect([...ids]).toEqual([messageId]);
  }),

  behaviour(
    'lets plain JavaScript iterate over an answer of one value, and over many that come unannounced',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      const responder = await worker.respond(Double, double);
      const asked = () => caller.request(Double, { n: 3 }) as unknown as AsyncIterable<Numbered>;
      expect(await allOf(asked())).toEqual({ values: [{ n: 6 }], error: undefined });
      await responder.end();
      expect(await allOf(asked())).toMatchObject({ values: [], error: { code: 'NO_RESPONDERS' } });
      let finished = false;
      await worker.respond(Double, async function* ({ n }: Numbered) {
        try {
          yield* countUp({ n: n * 100 });
        } finally {
          finished = true;
        }
      } as never);
      expect((await allOf(asked())).values).toEqual(numbers(300).map((n) => ({ n })));
      finished = false;
      for await (const { n } of asked()) if (n === 5) break;
      await until(() => finished, 'the finally');
      expect(caller.requests).toMatchObject({ asked: 4, inFlight: 0 });
    },
  ),

  behaviour(
    'fails when a handler gives one value that should have streamed: HANDLER_FAILED',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      await worker.respond(CountUp, double as never);
      const { values, error } = await allOf(caller.request(CountUp, { n: 3 }));
      expect([values, error]).toMatchObject([[], { code: 'HANDLER_FAILED' }]);
      expect(world.logger.text).toContain('async generator');
    },
  ),

  behaviour(
    'refuses many values where one is awaited: REPLY_INVALID, and stops the handler',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      let finished = false;
      await worker.respond(Double, async function* () {
        try {
          for (let n = 0; ; n++) yield { n };
        } finally {
          finished = true;
        }
      } as never);
      await expect(caller.request(Double, { n: 1 })).rejects.toMatchObject({ code: 'REPLY_INVALID' });
      await until(() => finished, 'the finally');
    },
  ),

  behaviour('says null for a handler that returns nothing', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const Nothing = defineRequest('conformance.nothing', { input: Double.input, output: anything<null>() });
    await worker.respond(Nothing, () => {});
    expect(await caller.request(Nothing, { n: 1 })).toBe(null);
  }),

  behaviour('answers other requests while streams are held back', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    await worker.respond(CountUp, countUp);
    await worker.respond(Double, double);
    const streams = numbers(5).map(() => caller.request(CountUp, { n: 1000 }));
    for (const stream of streams) await stream.next();
    for (const n of numbers(20)) expect(await caller.request(Double, { n })).toEqual({ n: n * 2 });
    expect(caller.requests.inFlight).toBe(5);
    for (const { values } of await Promise.all(streams.map(allOf))) expect(values).toHaveLength(999);
    expect(caller.requests.inFlight).toBe(0);
  }),

  behaviour(
    'ends a stream that waits for its turn when its caller does not want it any more',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      const gate = new Gate();
      const MANY = 1000;
      const handled: number[] = [];
      const { stats } = await worker.respond(
        CountUp,
        async function* ({ n }) {
          handled.push(n);
          await gate.opened;
          for (let value = 0; value < MANY; value++) yield { n };
        },
        { concurrency: 1 },
      );
      const [first, unwanted] = [caller.request(CountUp, { n: 1 }), caller.request(CountUp, { n: 2 })];
      const [value, none] = [first.next(), unwanted.next()];
      await until(() => stats.received === 2, 'both');
      await unwanted.return();
      expect(await none).toEqual({ done: true, value: undefined });
      gate.open();
      expect(await value).toEqual({ done: false, value: { n: 1 } });
      // More than it has credit for at first: the credit comes behind the word that the other one is not wanted.
      let values = 1;
      while (!(await first.next()).done) values++;
      expect(values).toBe(MANY);
      await until(() => stats.cancelled === 1 && stats.inFlight === 0, 'the other to be given up');
      expect(accountedFor(stats)).toBe(2);
      expect(caller.requests.inFlight).toBe(0);
    },
  ),
];
