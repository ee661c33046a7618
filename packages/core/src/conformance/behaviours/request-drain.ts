import { expect } from 'vitest';
import { accountedFor, allOf, countUp, double, failureOf, settled } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { CountUp, Double, type Numbered, numbers } from '../contracts.js';
import { Gate, pause, until } from '../waiting.js';
import type { World } from '../world.js';

/** Waits until nobody of the group would get a request any more. */
async function leaving(world: World, group: string): Promise<void> {
  const transport = await world.transport();
  while ((await transport.audience(world.requestChannel(Double))).groups[group] !== 0) await pause(2);
}

/** Instances come, go and are overrun, and every request is answered once. */
export const requestDrain = [
  behaviour(
    'answers what is queued and in flight before it closes, and takes nothing more',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const gate = new Gate();
      const handle = async (input: Numbered) => {
        await gate.opened;
        return double(input);
      };
      const { stats } = await worker.respond(Double, handle, { concurrency: 2 });
      const asked = Promise.allSettled(numbers(20).map((n) => caller.request(Double, { n })));
      await until(() => stats.received === 20, 'twenty requests');
      const closed = worker.close();
      await leaving(world, 'worker');
      await expect(caller.request(Double, { n: 1 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
      expect([stats.inFlight, stats.queued]).toEqual([2, 18]);
      gate.open();
      expect(await closed).toEqual({ abandoned: 0, handedOver: 0 });
      expect(await asked).toEqual(numbers(20).map((n) => ({ status: 'fulfilled', value: { n: n * 2 } })));
      expect(stats).toMatchObject({ received: 20, handled: 20 });
      expect(worker.responders).toEqual([]);
    },
  ),

  behaviour('finishes its streams before it closes', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    await worker.respond(CountUp, countUp);
    const values = caller.request(CountUp, { n: 2000 });
    expect(await values.next()).toEqual({ done: false, value: { n: 0 } });
    const closed = worker.close({ timeout: '20s' });
    expect((await allOf(values)).values).toHaveLength(1999);
    expect(await closed).toEqual({ abandoned: 0, handedOver: 0 });
  }),

  behaviour('loses no request and handles none twice while instances come and go', ['requests'], async (world) => {
    const [caller, stays] = [await world.bus('caller'), await world.bus('worker')];
    const handled: number[] = [];
    const handle = async (input: Numbered) => {
      handled.push(input.n);
      await pause(input.n % 5);
      return double(input);
    };
    await stays.respond(Double, handle);
    let coming = true;
    const visits = (async () => {
      for (let visit = 0; visit < 8; visit++) {
        const comes = await world.bus('worker');
        const { stats } = await comes.respond(Double, handle);
        await until(() => stats.received >= 5, 'five requests for the newcomer');
        if (visit % 2 === 0) await comes.responders[0]?.end();
        await comes.close();
        expect(accountedFor(stats)).toBe(stats.received);
        expect(stats.handled).toBe(stats.received);
      }
    })().finally(() => {
      coming = false;
    });
    const asked: Promise<Numbered>[] = [];
    while (coming) {
      asked.push(caller.request(Double, { n: asked.length }));
      await pause(1);
    }
    await visits;
    expect((await Promise.all(asked)).map(({ n }) => n)).toEqual(numbers(asked.length).map((n) => n * 2));
    expect(handled.toSorted((a, b) => a - b)).toEqual(numbers(asked.length));
    expect(caller.requests).toMatchObject({ answered: asked.length, failed: 0, late: 0, inFlight: 0 });
  }),

  behaviour(
    'gives up a stuck handler when the time is over: its caller and those in the queue are told',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const reasons: unknown[] = [];
      const { stats } = await worker.respond(
        Double,
        (input, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              reasons.push(signal.reason);
              resolve(double(input));
            });
          }),
        { concurrency: 1 },
      );
      const asked = numbers(3).map((n) => failureOf(caller.request(Double, { n }, { timeout: '60s' })));
      await until(() => stats.received === 3, 'three requests');
      expect(await worker.close({ timeout: 100 })).toEqual({ abandoned: 3, handedOver: 0 });
      for (const error of await Promise.all(asked)) expect(error).toMatchObject({ code: 'REQUEST_REJECTED' });
      expect(reasons).toMatchObject([{ code: 'BUS_CLOSED' }]);
      expect(accountedFor(stats)).toBe(3);
      expect(caller.requests).toMatchObject({ asked: 3, failed: 3, inFlight: 0 });
    },
  ),

  behaviour('waits for the answers to its own requests when it closes', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
    const gate = new Gate();
    const { stats } = await worker.respond(Double, async (input) => {
      await gate.opened;
      return double(input);
    });
    const asked = caller.request(Double, { n: 1 });
    await until(() => stats.inFlight === 1, 'the handler to begin');
    const closed = caller.close();
    gate.open();
    expect(await asked).toEqual({ n: 2 });
    expect(await closed).toEqual({ abandoned: 0, handedOver: 0 });
  }),

  behaviour(
    'fails what is still unanswered when the time for closing is over, and what comes after: BUS_CLOSED',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const gate = new Gate();
      const { stats } = await worker.respond(Double, async (input) => {
        await gate.opened;
        return double(input);
      });
      await worker.respond(CountUp, countUp);
      const held = caller.request(CountUp, { n: 10_000 });
      await held.next();
      const asked = failureOf(caller.request(Double, { n: 1 }, { timeout: '60s' }));
      await until(() => stats.inFlight === 1, 'the handler to begin');
      let isOver = false;
      void asked.then(() => {
        isOver = true;
      });
      const closed = caller.close({ timeout: 200 });
      await pause(50);
      expect(isOver).toBe(false);
      await closed;
      expect(await asked).toMatchObject({ code: 'BUS_CLOSED' });
      expect((await allOf(held)).error).toMatchObject({ code: 'BUS_CLOSED' });
      await expect(caller.request(Double, { n: 1 })).rejects.toMatchObject({ code: 'BUS_CLOSED' });
      expect(await allOf(caller.request(CountUp, { n: 1 }))).toMatchObject({
        values: [],
        error: { code: 'BUS_CLOSED' },
      });
      await expect(caller.respond(Double, double)).rejects.toMatchObject({ code: 'BUS_CLOSED' });
      expect(caller.requests).toMatchObject({ asked: 2, failed: 2, inFlight: 0 });
      gate.open();
    },
  ),

  behaviour(
    'refuses at once what its queue has no room for: REQUEST_REJECTED, and counted',
    ['requests'],
    async (world) => {
      const [caller, worker] = [await world.bus('caller'), await world.bus('worker')];
      const gate = new Gate();
      const handled: number[] = [];
      const { stats } = await worker.respond(
        Double,
        async (input) => {
          handled.push(input.n);
          await gate.opened;
          return double(input);
        },
        { concurrency: 1, maxQueuedMessages: 2 },
      );
      const asked = numbers(10).map((n) =>
        caller.request(Double, { n }, { timeout: '60s' }).then(
          () => 'answered',
          (error) => error.code,
        ),
      );
      const outcomes: string[] = [];
      for (const outcome of asked) void outcome.then((text) => outcomes.push(text));
      await until(() => outcomes.length === 7, 'seven to be refused');
      expect(outcomes).toEqual(numbers(7).map(() => 'REQUEST_REJECTED'));
      expect(stats).toMatchObject({ received: 10, dropped: 7, queued: 2, inFlight: 1 });
      gate.open();
      const all = await Promise.all(asked);
      expect(all.filter((outcome) => outcome === 'answered')).toHaveLength(3);
      await until(() => stats.handled === 3, 'three to be counted');
      expect(handled).toHaveLength(3);
      expect(accountedFor(stats)).toBe(10);
      expect(world.logger.at('warn')).toMatchObject([{ fields: { request: 'conformance.double' } }]);
    },
  ),

  behaviour('accounts for every request, whatever became of it', ['requests'], async (world) => {
    const [caller, worker] = [await world.bus('caller', { validate: { publish: false } }), await world.bus('worker')];
    const never = new Gate();
    const { stats } = await worker.respond(
      Double,
      async (input, { signal }) => {
        if (input.n % 7 === 1) throw new Error('no');
        if (input.n % 7 === 2) return Double.error('FORBIDDEN');
        if (input.n % 7 === 3)
          await Promise.race([never.opened, new Promise((r) => signal.addEventListener('abort', r))]);
        await pause(input.n % 3);
        return double(input);
      },
      { concurrency: 8, maxQueuedMessages: 100 },
    );
    const streaming = await worker.respond(CountUp, countUp, { concurrency: 4 });
    const ask = async (n: number): Promise<void> => {
      const input = (n % 11 === 5 ? { n: 'wrong' } : { n }) as Numbered;
      const signal = n % 13 === 4 ? AbortSignal.timeout(n % 40) : undefined;
      if (n % 5 > 0)
        await caller.request(Double, input, { timeout: '1s', ...(signal && { signal }) }).then(
          () => {},
          () => {},
        );
      else for await (const value of caller.request(CountUp, { n: n * 3 }, { timeout: 1000 })) if (value.n === n) break;
    };
    await Promise.all(numbers(300).map((n) => ask(n).catch(() => {})));
    await until(() => stats.inFlight + stats.queued + streaming.stats.inFlight === 0, 'the handlers to be done');
    expect(accountedFor(stats)).toBe(stats.received);
    expect(accountedFor(streaming.stats)).toBe(streaming.stats.received);
    expect(stats.received).toBeGreaterThan(100);
    expect(caller.requests.inFlight).toBe(0);
    expect(settled(caller.requests)).toBe(caller.requests.asked);
    expect(await caller.request(Double, { n: 7 })).toEqual({ n: 14 });
  }),
];
