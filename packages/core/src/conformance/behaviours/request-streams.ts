import { defineRequest } from '@belfry/contracts';
import { expect } from 'vitest';
import { accountedFor, allOf, countUp, double, settled } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { CountUp, Double, type Numbered, numbers } from '../contracts.js';
import { text } from '../schemas.js';
import { Gate, nextTurn, pause, until } from '../waiting.js';
import type { World } from '../world.js';

/** So far ahead of a caller that takes nothing may a generator run, at most. */
const AHEAD = 500;

const pair = async (world: World) => [await world.bus('caller'), await world.bus('worker')] as const;
const ns = (values: readonly Numbered[]): number[] => values.map(({ n }) => n);

/** One question, many values. */
export const requestStreams = [
  behaviour('streams the values of a generator, in order, and ends', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const { stats } = await worker.respond(CountUp, countUp);
    for (const n of [0, 1, 2, 127, 128, 129, 1000]) {
      const { values, error } = await allOf(caller.request(CountUp, { n }));
      expect([ns(values), error]).toEqual([numbers(n), undefined]);
    }
    await until(() => stats.handled === 7, 'seven to be counted');
    expect(accountedFor(stats)).toBe(7);
    expect(caller.requests).toEqual({ asked: 7, answered: 7, failed: 0, late: 0, inFlight: 0 });
  }),

  behaviour('streams a hundred thousand values, complete and in order', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    await worker.respond(CountUp, countUp);
    let next = 0;
    for await (const { n } of caller.request(CountUp, { n: 100_000 })) if (n === next) next++;
    expect(next).toBe(100_000);
  }),

  behaviour('streams values of all sizes, complete and in order', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const note = (n: number) => 'x'.repeat(n % 10 === 0 ? 200_000 : n);
    await worker.respond(CountUp, async function* ({ n }) {
      for (const value of numbers(n)) yield { n: value, note: note(value) };
    });
    let next = 0;
    for await (const value of caller.request(CountUp, { n: 100 })) {
      expect(value).toEqual({ n: next, note: note(next) });
      next++;
    }
    expect(next).toBe(100);
  }),

  behaviour('gives a value to the caller as soon as there is one', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const gates = numbers(4).map(() => new Gate());
    await worker.respond(CountUp, async function* ({ n }) {
      for (const value of numbers(n)) {
        await gates[value]!.opened;
        yield { n: value };
      }
    });
    const values = caller.request(CountUp, { n: 4 });
    for (const n of numbers(4)) {
      gates[n]!.open();
      expect(await values.next()).toEqual({ done: false, value: { n } });
    }
    expect(await values.next()).toEqual({ done: true, value: undefined });
    expect(await values.next(), 'and stays at its end').toEqual({ done: true, value: undefined });
  }),

  behaviour('holds the generator back while the caller is slow', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    let [made, taken, furthest] = [0, 0, 0];
    await worker.respond(Double, double);
    await worker.respond(CountUp, async function* ({ n }) {
      for (const value of numbers(n)) {
        furthest = Math.max(furthest, ++made - taken);
        yield { n: value };
      }
    });
    for await (const { n } of caller.request(CountUp, { n: 3000 })) {
      expect(n).toBe(taken++);
      if (n === 0) await until(() => made > 50, 'the generator to run ahead');
      if (n % 500 === 0) for (const k of numbers(10)) await caller.request(Double, { n: k }); // time enough for many more
      if (n % 50 === 0) await nextTurn();
    }
    expect([made, taken]).toEqual([3000, 3000]);
    expect(furthest).toBeLessThan(AHEAD);
  }),

  behaviour('holds a generator of large values back sooner', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    let [made, taken, furthest] = [0, 0, 0];
    await worker.respond(Double, double);
    await worker.respond(CountUp, async function* ({ n }) {
      for (const value of numbers(n)) {
        furthest = Math.max(furthest, ++made - taken);
        yield { n: value, note: 'x'.repeat(100_000) };
      }
    });
    for await (const { n } of caller.request(CountUp, { n: 60 })) {
      expect(n).toBe(taken++);
      if (n % 10 === 0) for (const k of numbers(10)) await caller.request(Double, { n: k });
    }
    expect(taken).toBe(60);
    expect(furthest, 'not more than some millions of characters').toBeLessThan(30);
  }),

  ...[
    { when: 'while the generator has no credit', take: 3, of: 100_000 },
    { when: 'before the generator is done with what it may send', take: 1, of: 20 },
  ].map(({ when, take, of }) =>
    behaviour(`runs the generator's finally when the caller leaves the loop ${when}`, ['requests'], async (world) => {
      const [caller, worker] = await pair(world);
      let [made, finished] = [0, 0];
      const { stats } = await worker.respond(CountUp, async function* ({ n }) {
        try {
          for (const value of numbers(n)) {
            made++;
            yield { n: value };
            if (of < 100) await pause(5);
          }
        } finally {
          finished++;
        }
      });
      const taken: number[] = [];
      for await (const { n } of caller.request(CountUp, { n: of })) {
        taken.push(n);
        if (taken.length === take) break;
      }
      expect(taken).toEqual(numbers(take));
      await until(() => finished === 1 && stats.inFlight === 0, 'the finally');
      expect(made).toBeLessThan(of < 100 ? of : AHEAD);
      expect(accountedFor(stats)).toBe(1);
      expect(stats).toMatchObject({ failed: 0, cancelled: 1 });
      expect(caller.requests).toMatchObject({ asked: 1, answered: 1, failed: 0, inFlight: 0 });
    }),
  ),

  behaviour(
    'tells a generator that waits for something else when the caller leaves the loop',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      let finished = false;
      await worker.respond(CountUp, async function* (_, { signal }) {
        try {
          yield { n: 0 };
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
          yield { n: 1 };
        } finally {
          finished = true;
        }
      });
      // The deadline, which aborts the signal too, is far away.
      for await (const { n } of caller.request(CountUp, { n: 2 }, { timeout: '1m' })) {
        expect(n).toBe(0);
        break;
      }
      await until(() => finished, 'the finally');
    },
  ),

  behaviour(
    'gives the values before an error, then the error: declared ones typed, others as HANDLER_FAILED',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      const thrown = new Error('the secret word');
      const { stats } = await worker.respond(CountUp, async function* ({ n }) {
        yield* countUp({ n });
        if (n % 2 === 0) throw CountUp.error('TOO_FAR', { n });
        throw thrown;
      });
      for (const n of [0, 2, 300]) {
        const { values, error } = await allOf(caller.request(CountUp, { n }));
        expect(ns(values)).toEqual(numbers(n));
        if (!CountUp.isError(error, 'TOO_FAR')) throw error;
        expect(error.data).toEqual({ n });
      }
      for (const n of [1, 301]) {
        const { values, error } = await allOf(caller.request(CountUp, { n }));
        expect(ns(values)).toEqual(numbers(n));
        expect(error).toMatchObject({ code: 'HANDLER_FAILED', message: expect.not.stringContaining('secret') });
        const { errorId } = error as { errorId: string };
        expect(world.logger.at('error').filter(({ fields }) => fields.errorId === errorId)).toMatchObject([
          { fields: { err: thrown } },
        ]);
      }
      await until(() => accountedFor(stats) === 5 && stats.inFlight === 0, 'five to be counted');
      expect(stats).toMatchObject({ handled: 3, failed: 2 });
      expect(caller.requests).toMatchObject({ answered: 3, failed: 2 });
    },
  ),

  behaviour('ends an iteration with its error once, and is at its end then', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    await worker.respond(CountUp, async function* ({ n }) {
      yield { n };
      throw CountUp.error('TOO_FAR', { n });
    });
    const values = caller.request(CountUp, { n: 7 });
    expect(await values.next()).toEqual({ done: false, value: { n: 7 } });
    await expect(values.next()).rejects.toMatchObject({ code: 'TOO_FAR' });
    expect(await values.next()).toEqual({ done: true, value: undefined });
    expect(await values.return()).toEqual({ done: true, value: undefined });
  }),

  behaviour('stops a generator whose values break the contract, on either side', ['requests'], async (world) => {
    const OtherCountUp = defineRequest('conformance.count-up', {
      input: CountUp.input,
      output: CountUp.input,
      stream: true,
    });
    const [caller, worker, lax] = [...(await pair(world)), await world.bus('lax', { validate: false })];
    let [made, finished] = [0, 0];
    const spoil = async function* ({ n }: Numbered) {
      try {
        for (const value of numbers(n)) {
          made++;
          yield { n: value === 5 ? ('spoilt' as unknown as number) : value };
        }
      } finally {
        finished++;
      }
    };
    const first = await worker.respond(CountUp, spoil);
    const strict = await allOf(caller.request(CountUp, { n: 100_000 }));
    expect(ns(strict.values)).toEqual(numbers(5));
    expect(strict.error).toMatchObject({ code: 'HANDLER_FAILED' });
    expect([made, finished]).toEqual([6, 1]);
    await first.end();
    await lax.respond(OtherCountUp, spoil);
    const { values, error } = await allOf(caller.request(CountUp, { n: 100_000 }));
    expect(ns(values)).toEqual(numbers(5));
    expect(error).toMatchObject({ code: 'REPLY_INVALID', issues: [{ path: 'n' }] });
    await until(() => finished === 2, 'the second finally');
    expect(made).toBeLessThan(AHEAD);
    expect(caller.requests).toMatchObject({ asked: 2, inFlight: 0 });
    expect(settled(caller.requests)).toBe(2);
  }),

  behaviour('asks nothing before the first next()', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const { stats } = await worker.respond(CountUp, countUp);
    const [returned, disposed, kept] = numbers(3).map(() => caller.request(CountUp, { n: 2 }));
    expect(await returned!.return()).toEqual({ done: true, value: undefined });
    await disposed![Symbol.asyncDispose]();
    expect(await returned!.next()).toEqual({ done: true, value: undefined });
    expect(await disposed!.next()).toEqual({ done: true, value: undefined });
    expect(caller.requests.asked).toBe(0);
    expect(ns((await allOf(kept!)).values)).toEqual([0, 1]);
    expect([caller.requests.asked, stats.received]).toEqual([1, 1]);
  }),

  behaviour('serves calls of next() that do not wait for one another, in order', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    await worker.respond(CountUp, countUp);
    const values = caller.request(CountUp, { n: 300 });
    const results = await Promise.all(numbers(302).map(() => values.next()));
    expect(results.slice(0, 300)).toEqual(numbers(300).map((n) => ({ done: false, value: { n } })));
    expect(results.slice(300).map(({ done }) => done)).toEqual([true, true]);
  }),

  behaviour('keeps the streams of two callers apart', ['requests'], async (world) => {
    const [one, other] = await world.buses(2, 'caller');
    const worker = await world.bus('worker');
    await worker.respond(CountUp, async function* ({ n }) {
      for (const value of numbers(1000)) yield { n: value * n };
    });
    const asked = [one!.request(CountUp, { n: 1 }), one!.request(CountUp, { n: 2 }), other!.request(CountUp, { n: 3 })];
    for (const [index, { values, error }] of (await Promise.all(asked.map(allOf))).entries()) {
      expect(error).toBeUndefined();
      expect(ns(values)).toEqual(numbers(1000).map((n) => n * (index + 1)));
    }
  }),

  behaviour('brings many large streams to one caller at the same time, and in full', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    const Texts = defineRequest('conformance.texts', { input: CountUp.input, output: text, stream: true });
    await worker.respond(
      Texts,
      async function* ({ n }) {
        for (let i = 0; i < n; i++) yield 'x'.repeat(30_000);
      },
      { concurrency: 100 },
    );
    const counts = await Promise.all(
      numbers(60).map(async () => {
        let count = 0;
        for await (const value of caller.request(Texts, { n: 40 }, { timeout: '20s' })) count += value.length / 30_000;
        return count;
      }),
    );
    expect(counts).toEqual(numbers(60).map(() => 40));
  }),
];
