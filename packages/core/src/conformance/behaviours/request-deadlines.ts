import { defineRequest } from '@belfry/contracts';
import { expect } from 'vitest';
import { accountedFor, double, failureOf, settled } from '../asking.js';
import { behaviour } from '../behaviour.js';
import { Counted, Double, Half, type Numbered, numbers } from '../contracts.js';
import { Gate, pause, until } from '../waiting.js';
import type { World } from '../world.js';

const pair = async (world: World) => [await world.bus('caller'), await world.bus('worker')] as const;
const inTime = { code: 'REQUEST_TIMEOUT' };
/** Resolves with why, when it aborts. */
const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));

/** Nobody waits for ever. */
export const requestDeadlines = [
  behaviour(
    'fails when no answer comes in time: REQUEST_TIMEOUT names contract, time and instance',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      const gate = new Gate();
      const { stats } = await worker.respond(Double, async (input) => {
        await gate.opened;
        return double(input);
      });
      const error = await failureOf(caller.request(Double, { n: 1 }, { timeout: 300 }));
      expect(error).toMatchObject(inTime);
      for (const part of ['conformance.double', '300 ms', `worker/${worker.instance}`])
        expect(error.message).toContain(part);
      expect(caller.requests).toEqual({ asked: 1, answered: 0, failed: 1, late: 0, inFlight: 0 });
      gate.open();
      await until(() => caller.requests.late === 1, 'the late answer to be counted');
      expect(await caller.request(Double, { n: 2 }), 'it disturbs nobody').toEqual({ n: 4 });
      await until(() => stats.inFlight === 0, 'the handlers to be done');
      expect(accountedFor(stats)).toBe(2);
    },
  ),

  behaviour('waits as long as the contract says, unless the caller says otherwise', ['requests'], async (world) => {
    const Quick = defineRequest('conformance.quick', { input: Double.input, output: Double.output, timeout: 250 });
    const [caller, worker] = await pair(world);
    const gate = new Gate();
    await worker.respond(Quick, async (input) => {
      await gate.opened;
      return double(input);
    });
    const patient = caller.request(Quick, { n: 1 }, { timeout: '20s' });
    const error = await failureOf(caller.request(Quick, { n: 2 }));
    expect(error).toMatchObject({ ...inTime, message: expect.stringContaining('250 ms') });
    gate.open();
    expect(await patient).toEqual({ n: 2 });
    expect(Double.timeout, 'without a word five seconds').toBe(5000);
  }),

  behaviour(
    'drops requests that expired while they waited for their turn, and counts them',
    ['requests'],
    async (world) => {
      const [caller, worker] = await pair(world);
      const gate = new Gate();
      const handled: number[] = [];
      const { stats } = await worker.respond(
        Double,
        async (input) => {
          handled.push(input.n);
          await gate.opened;
          return double(input);
        },
        { concurrency: 1 },
      );
      const patient = [caller.request(Double, { n: 0 }, { timeout: '20s' })];
      await until(() => handled.length === 1, 'the first');
      const impatient = numbers(5).map((n) => failureOf(caller.request(Double, { n: n + 1 }, { timeout: 200 })));
      patient.push(caller.request(Double, { n: 6 }, { timeout: '20s' }));
      for (const error of await Promise.all(impatient)) expect(error).toMatchObject(inTime);
      await until(() => stats.received === 7, 'all of them');
      await pause(250); // their time began anew, by the transit, when they arrived
      gate.open();
      expect(await Promise.all(patient)).toEqual([{ n: 0 }, { n: 12 }]);
      await until(() => stats.handled === 2, 'both to be counted');
      expect(handled).toEqual([0, 6]);
      expect(stats).toMatchObject({ received: 7, handled: 2, expired: 5 });
      expect(accountedFor(stats)).toBe(7);
      expect(caller.requests).toMatchObject({ answered: 2, failed: 5, late: 0 });
    },
  ),

  behaviour('tells the handler until when the caller waits', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const rests: number[] = [];
    await worker.respond(Double, (input, { deadline }) => {
      rests.push(deadline.getTime() - Date.now());
      return double(input);
    });
    for (const timeout of [60_000, '1h', undefined] as const)
      await caller.request(Double, { n: 1 }, timeout === undefined ? {} : { timeout });
    for (const [index, longest] of [60_000, 3_600_000, 5000].entries()) {
      expect(rests[index]).toBeLessThanOrEqual(longest);
      expect(rests[index]).toBeGreaterThan(longest - 4000);
    }
  }),

  behaviour('aborts the signal of a handler at the deadline', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const reasons: unknown[] = [];
    const { stats } = await worker.respond(Double, async (_, { signal }) => {
      reasons.push(await aborted(signal));
      throw signal.reason;
    });
    await expect(caller.request(Double, { n: 1 }, { timeout: 300 })).rejects.toMatchObject(inTime);
    await until(() => stats.inFlight === 0, 'the handler to be done');
    expect(reasons).toMatchObject([inTime]);
    expect(accountedFor(stats)).toBe(1);
    expect(world.logger.at('error'), 'nothing failed').toEqual([]);
  }),

  behaviour('does not abort the signal of a handler that was in time', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const signals: AbortSignal[] = [];
    await worker.respond(Double, (input, { signal }) => {
      signals.push(signal);
      return double(input);
    });
    await caller.request(Double, { n: 1 }, { timeout: 300 });
    await pause(350);
    await caller.request(Double, { n: 1 });
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false]);
  }),

  behaviour('notices that a caller is gone, and aborts the signal of its handler', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    let reason: unknown;
    const { stats } = await worker.respond(Double, async (input, { signal }) => {
      reason = await aborted(signal);
      return double(input);
    });
    const asked = failureOf(caller.request(Double, { n: 1 }, { timeout: '60s' }));
    await until(() => stats.inFlight === 1, 'the handler to begin');
    await caller.close({ timeout: 1 });
    expect(await asked).toMatchObject({ code: 'BUS_CLOSED' });
    await until(() => stats.cancelled === 1, 'the handler to be told');
    expect(reason).toMatchObject({ code: 'REQUEST_ABORTED' });
  }),

  behaviour('gives nested requests no more time than is left of the outer one', ['requests'], async (world) => {
    const [caller, middle, last] = [...(await pair(world)), await world.bus('last')];
    const gate = new Gate();
    const deadlines: number[] = [];
    let nested: unknown;
    await last.respond(Half, async ({ n }, { deadline }) => {
      deadlines.push(deadline.getTime());
      if (n < 0) await gate.opened;
      return { n };
    });
    const { stats } = await middle.respond(Double, async ({ n }, { deadline }) => {
      deadlines.push(deadline.getTime());
      nested = await middle.request(Half, { n }, { timeout: '60s' }).catch((error) => error);
      return { n };
    });
    expect(await caller.request(Double, { n: 1 }, { timeout: '20s' })).toEqual({ n: 1 });
    expect(deadlines[1]! - deadlines[0]!).toBeLessThan(5000);
    await expect(caller.request(Double, { n: -1 }, { timeout: 200 })).rejects.toMatchObject(inTime);
    await until(() => stats.inFlight === 0, 'the handler in between to go on');
    expect(['REQUEST_TIMEOUT', 'REQUEST_ABORTED']).toContain((nested as { code: string }).code);
    gate.open();
  }),

  behaviour('does not send a nested request when the time of the outer one is over', ['requests'], async (world) => {
    const [caller, middle, last] = [...(await pair(world)), await world.bus('last')];
    const { stats } = await last.respond(Half, ({ n }) => ({ n }));
    let nested: unknown;
    await middle.respond(Double, async ({ n }, { deadline }) => {
      while (Date.now() <= deadline.getTime()) await pause(5);
      nested = await middle.request(Half, { n }).catch((error) => error);
      return { n };
    });
    await expect(caller.request(Double, { n: 1 }, { timeout: 200 })).rejects.toMatchObject(inTime);
    await until(() => nested !== undefined, 'the nested request');
    expect(['REQUEST_TIMEOUT', 'REQUEST_ABORTED']).toContain((nested as { code: string }).code);
    await caller.request(Half, { n: 1 });
    expect(stats.received).toBe(1);
  }),

  behaviour('carries correlation, cause and trace into nested requests', ['requests'], async (world) => {
    const [caller, middle, last] = [...(await pair(world)), await world.bus('last')];
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const contexts: { messageId: string; correlationId: string; causationId: string | undefined }[] = [];
    await last.respond(Half, ({ n }, context) => {
      contexts.push(context);
      return { n: n / 2 };
    });
    await middle.respond(Double, async ({ n }, context) => {
      contexts.push(context);
      await pause(1);
      return middle.request(Half, { n });
    });
    await middle.subscribe(
      Counted,
      async ({ n }: Numbered, context) => {
        contexts.push(context);
        await middle.request(Half, { n });
      },
      { broadcast: true },
    );
    await caller.request(Double, { n: 2 }, { correlationId: 'flow 7', causationId: 'click 1', traceparent });
    expect(contexts[0]).toMatchObject({ correlationId: 'flow 7', causationId: 'click 1', traceparent });
    expect(contexts[1]).toMatchObject({ correlationId: 'flow 7', causationId: contexts[0]!.messageId, traceparent });
    await caller.request(Double, { n: 2 });
    expect(contexts[2]!.correlationId, 'a flow begins with its first message').toBe(contexts[2]!.messageId);
    expect(contexts[3]).toMatchObject({ correlationId: contexts[2]!.messageId, causationId: contexts[2]!.messageId });
    await caller.publish(Counted, { n: 2 });
    await until(() => contexts.length === 6, 'what an event asks');
    expect(contexts[5]).toMatchObject({ correlationId: contexts[4]!.messageId, causationId: contexts[4]!.messageId });
  }),

  behaviour('settles a thousand requests with mixed timeouts, each once', ['requests'], async (world) => {
    const [caller, worker] = await pair(world);
    const gate = new Gate();
    const { stats } = await worker.respond(
      Double,
      async (input) => {
        if (input.n % 8 === 0) await gate.opened;
        else await pause(input.n % 7);
        return double(input);
      },
      { concurrency: 1000 },
    );
    const asked = numbers(1000).map((n) =>
      caller.request(Double, { n }, { timeout: n % 8 === 0 ? '1s' : '20s' }).then(
        (answer) => answer.n,
        (error) => error.code,
      ),
    );
    const outcomes = await Promise.all(asked);
    expect(outcomes).toEqual(numbers(1000).map((n) => (n % 8 === 0 ? 'REQUEST_TIMEOUT' : n * 2)));
    gate.open();
    await until(() => caller.requests.late === 125, 'the late answers');
    await until(() => stats.inFlight === 0, 'the handlers to be done');
    expect(caller.requests).toEqual({ asked: 1000, answered: 875, failed: 125, late: 125, inFlight: 0 });
    expect(settled(caller.requests)).toBe(1000);
    expect(accountedFor(stats)).toBe(1000);
  }),
];
