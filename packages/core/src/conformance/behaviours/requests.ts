import { defineEvent, defineRequest } from '@belfry/contracts';
import { expect } from 'vitest';
import { accountedFor, double, settled } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { Counted, CountUp, Double, Half, KeyedDouble, type KeyedNumber, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { anything, schemaOf } from '../schemas.js';
import { nextTurn, pause, until } from '../waiting.js';

const digits = schemaOf<{ n: string }, Numbered>(({ n }) =>
  typeof n === 'string' && /^\d+$/.test(n) ? { value: { n: Number(n) } } : { wrong: 'n' },
);
const told = schemaOf<Numbered, { text: string }>(async ({ n }) => {
  await nextTurn();
  return typeof n === 'number' ? { value: { text: `${n}` } } : { wrong: 'n' };
});
/** Both of its schemas make something else of what they get. */
const Parse = defineRequest('conformance.parse', { input: digits, output: told });

/** A question has one answer. */
export const requests = [
  behaviour(
    'answers a request with what its handler returns, or what that resolves with',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const responder = await worker.respond(Double, double);
      await worker.respond(Half, async ({ n }) => {
        await nextTurn();
        return { n: n / 2 };
      });
      expect(await caller.request(Double, { n: 21 })).toEqual({ n: 42 });
      expect(await caller.request(Half, { n: 42 })).toEqual({ n: 21 });
      expect(await worker.request(Double, { n: 1 }), 'also its own').toEqual({ n: 2 });
      expect(caller.requests).toEqual({ asked: 2, answered: 2, failed: 0, late: 0, inFlight: 0 });
      await until(() => responder.stats.handled === 2, 'two to be counted');
      expect(responder.stats).toMatchObject({ received: 2, failed: 0, queued: 0, inFlight: 0 });
    },
  ),

  behaviour('gives a handler everything about its request', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    const before = Date.now();
    const seen = new Promise<unknown[]>((resolve) => {
      void worker.respond(KeyedDouble, (input, context) => {
        resolve([input, context]);
        return double(input);
      });
    });
    await caller.ready(KeyedDouble);
    await caller.request(KeyedDouble, { n: 1, key: 'k' }, { extensions: { tenant: 'blue' }, tracestate: 'vendor=1' });
    const [input, context] = await seen;
    expect(input).toEqual({ n: 1, key: 'k' });
    expect(context).toMatchObject({
      type: 'conformance.keyed-double',
      version: 1,
      data: { n: 1, key: 'k' },
      key: 'k',
      group: 'worker',
      source: `/caller/${caller.instance}`,
      channel: world.requestChannel(KeyedDouble),
      extensions: { tenant: 'blue' },
      tracestate: 'vendor=1',
      messageId: expect.stringMatching(/./),
    });
    const { time } = context as { time: Date };
    expect(time.getTime()).toBeGreaterThanOrEqual(before);
    expect(time.getTime()).toBeLessThanOrEqual(Date.now());
  }),

  behaviour(
    'gives each of a thousand concurrent requests of several callers its own answer',
    ['requests'],
    async (world) => {
      const callers = await world.buses(4, 'caller');
      const workers = await world.buses(2, 'worker');
      const handle = async ({ n }: Numbered) => {
        if (n % 3 > 0) await pause((n * 7) % 5);
        return { n: n * 2 };
      };
      const responders = await Promise.all(workers.map((bus) => bus.respond(Double, handle, { concurrency: 64 })));
      const answers = await Promise.all(numbers(1000).map((n) => callers[n % 4]!.request(Double, { n })));
      expect(answers.map(({ n }) => n)).toEqual(numbers(1000).map((n) => n * 2));
      for (const { requests } of callers)
        expect(requests).toEqual({ asked: 250, answered: 250, failed: 0, late: 0, inFlight: 0 });
      await until(() => responders.every(({ stats }) => stats.inFlight === 0), 'the handlers to be done');
      for (const { stats } of responders) expect(accountedFor(stats)).toBe(stats.received);
      expect(responders.reduce((sum, { stats }) => sum + stats.handled, 0)).toBe(1000);
    },
  ),

  behaviour('shows an answer to nobody but the instance that asked', ['requests', 'patterns'], async (world) => {
    const [caller, sibling] = await world.buses(2, 'caller');
    const [worker, tap] = [await world.bus('worker'), await world.bus('tap')];
    const tapped = new Inbox<Numbered>();
    const overheard: string[] = [];
    await tap.subscribe('**', tapped.take as never);
    const raw = await world.transport();
    await raw.subscribe({ kind: 'pattern', pattern: `${world.namespace}:**` }, (body) => overheard.push(body));
    await worker.respond(Double, double);
    for (const n of numbers(50)) {
      const [own, siblings] = await Promise.all([
        caller!.request(Double, { n }),
        sibling!.request(Double, { n: n + 1000 }),
      ]);
      expect([own.n, siblings.n]).toEqual([n * 2, (n + 1000) * 2]);
    }
    await new Marks(tapped).pass(worker, Counted);
    expect(unmarked(tapped)).toEqual([]);
    expect(overheard.filter((body) => !body.includes('-1'))).toEqual([]);
    for (const { requests } of [caller!, sibling!]) expect(requests).toMatchObject({ answered: 50, late: 0 });
    expect(tap.requests).toMatchObject({ asked: 0, late: 0 });
  }),

  behaviour(
    'gives the handler what the input schema makes, and the caller what the output schema makes',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const inputs: unknown[] = [];
      await worker.respond(Parse, (input, { data }) => {
        inputs.push(input, data);
        return { n: input.n + 1 };
      });
      expect(await caller.request(Parse, { n: '41' })).toEqual({ text: '42' });
      expect(inputs).toEqual([{ n: 41 }, { n: 41 }]);
    },
  ),

  behaviour('carries any JSON there and back', ['requests'], async (world) => {
    const Echo = defineRequest('conformance.echo', { input: anything<string>(), output: anything<string>() });
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    await worker.respond(Echo, (input) => input);
    const values = [
      '',
      '🛎 \u001e\u2028"\\',
      null,
      0,
      false,
      [],
      {},
      { __proto__: null, a: [{ b: null }] },
      'x'.repeat(100_000),
    ];
    for (const value of values) expect(await caller.request(Echo, value as string)).toEqual(value);
  }),

  behaviour(
    'is not heard by subscribers of an event of the same name, nor by patterns',
    ['requests', 'groups', 'patterns'],
    async (world) => {
      const Doubled = defineEvent('conformance.double', { schema: anything<Numbered>() });
      const [caller, worker, hearer] = [
        await world.bus('caller'),
        await world.bus('worker'),
        await world.bus('hearer'),
      ];
      const [shared, broadcast, all, some] = numbers(4).map(() => new Inbox<Numbered>());
      await hearer.subscribe(Doubled, shared!.take);
      await hearer.subscribe(Doubled, broadcast!.take, { broadcast: true });
      await hearer.subscribe('**', all!.take as never);
      await hearer.subscribe('conformance.*', some!.take as never);
      const responder = await worker.respond(Double, double);
      for (const n of numbers(10)) await caller.request(Double, { n });
      await new Marks(shared!, broadcast!, all!, some!).pass(caller, Doubled);
      for (const inbox of [shared!, broadcast!, all!, some!]) expect(unmarked(inbox)).toEqual([]);
      expect(responder.stats.received, 'nor are events taken for requests').toBe(10);
    },
  ),

  behaviour('takes turns: one instance handles a request, and each has its share', ['requests'], async (world) => {
    const [caller, ...workers] = [await world.bus('caller'), ...(await world.buses(3, 'worker'))];
    const handled = workers.map((): number[] => []);
    const respond = workers.map((bus, index) =>
      bus.respond(Double, (input) => {
        handled[index]!.push(input.n);
        return double(input);
      }),
    );
    const responders = await Promise.all(respond);
    for (const n of numbers(30)) await caller.request(Double, { n });
    expect(handled.map(({ length }) => length)).toEqual([10, 10, 10]);
    await Promise.all(numbers(300).map((n) => caller.request(Double, { n: 30 + n })));
    expect(handled.flat().toSorted((a, b) => a - b)).toEqual(numbers(330));
    for (const { length } of handled) expect(length).toBeGreaterThan(30);
    await until(() => responders.every(({ stats }) => stats.inFlight === 0), 'the handlers to be done');
    for (const { stats } of responders) expect(accountedFor(stats)).toBe(stats.received);
  }),

  behaviour(
    'sends requests with one key to one instance, which handles them one at a time',
    ['requests'],
    async (world) => {
      const [caller, another] = await world.buses(2, 'caller');
      const workers = await world.buses(3, 'worker');
      const places = new Map<string, Set<number>>();
      const running = new Set<string>();
      let overlaps = 0;
      let most = 0;
      const handler =
        (place: number) =>
        async ({ n, key }: KeyedNumber) => {
          if (running.has(key)) overlaps++;
          running.add(key);
          most = Math.max(most, running.size);
          places.set(key, (places.get(key) ?? new Set()).add(place));
          await pause(n % 3);
          running.delete(key);
          return { n: n * 2 };
        };
      await Promise.all(workers.map((bus, place) => bus.respond(KeyedDouble, handler(place))));
      const input = (n: number) => ({ n, key: `key ${n % 12}` });
      const asked = numbers(240).map((n) => (n % 2 === 0 ? caller! : another!).request(KeyedDouble, input(n)));
      expect((await Promise.all(asked)).map(({ n }) => n)).toEqual(numbers(240).map((n) => n * 2));
      expect(overlaps).toBe(0);
      expect(most, 'other keys need not wait').toBeGreaterThan(1);
      expect([...places.values()].map(({ size }) => size)).toEqual(numbers(12).map(() => 1));
      expect(new Set([...places.values()].flatMap((set) => [...set])).size, 'keys are spread').toBeGreaterThan(1);
    },
  ),

  behaviour('takes a key that was given for one request', ['requests'], async (world) => {
    const [caller, ...workers] = [await world.bus('caller'), ...(await world.buses(3, 'worker'))];
    const places = new Set<number>();
    const keys = new Set<string | undefined>();
    await Promise.all(
      workers.map((bus, place) =>
        bus.respond(Double, (input, { key }) => {
          places.add(place);
          keys.add(key);
          return double(input);
        }),
      ),
    );
    await Promise.all(numbers(30).map((n) => caller.request(Double, { n }, { key: 'the same' })));
    expect([places.size, [...keys]]).toEqual([1, ['the same']]);
  }),

  behaviour(
    'keeps requests, streams and events of one bus apart that are all under way at once',
    ['requests', 'groups'],
    async (world) => {
      const [one, other] = await world.buses(2, 'both');
      const inbox = new Inbox<Numbered>();
      await Promise.all(
        [one!, other!].flatMap((bus) => [
          bus.respond(Double, double),
          bus.respond(CountUp, async function* ({ n }) {
            for (const value of numbers(n)) yield { n: value };
          }),
          bus.subscribe(Counted, inbox.take),
        ]),
      );
      const counted = async (n: number) => {
        const values: number[] = [];
        for await (const value of one!.request(CountUp, { n })) values.push(value.n);
        return values;
      };
      const work = numbers(30).flatMap((n): Promise<unknown>[] => [
        one!.request(Double, { n }).then((answer) => expect(answer).toEqual({ n: n * 2 })),
        other!.request(Double, { n }).then((answer) => expect(answer).toEqual({ n: n * 2 })),
        counted(n * 10).then((values) => expect(values).toEqual(numbers(n * 10))),
        other!.publish(Counted, { n }),
      ]);
      await Promise.all(work);
      expect((await inbox.first(30)).map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(numbers(30));
      for (const { requests } of [one!, other!]) {
        expect(requests).toMatchObject({ failed: 0, late: 0, inFlight: 0 });
        expect(settled(requests)).toBe(requests.asked);
      }
    },
  ),
];
