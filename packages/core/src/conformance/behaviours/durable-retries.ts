import { NonRetryableError, RetryLaterError } from '@belfry/contracts';
import { expect } from 'vitest';
import type { MessageContext } from '../../context.js';
import type { BackoffOptions } from '../../durable/retry.js';
import { behaviour } from '../behaviour.js';
import { Booked, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilDead, untilStands } from '../logs.js';
import { Gate, nextTurn, until } from '../waiting.js';

/** What a clock may be off by: brokers count in whole milliseconds. */
const TICK = 2;
/** What a machine under load may add; far less than the time after which an idle instance looks by itself. */
const LOAD = 2000;

const pauses: { how: string; backoff: BackoffOptions; expected: number[] }[] = [
  { how: 'always as long', backoff: { type: 'fixed', delay: 30 }, expected: [30, 30, 30] },
  { how: 'longer each time, up to a bound', backoff: { delay: 10, factor: 3, maxDelay: 40 }, expected: [10, 30, 40] },
];

/** What a handler could not do is tried again, and nothing else suffers from it. */
export const durableRetries = [
  behaviour('acknowledges an event only after its handler has succeeded', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const gate = new Gate();
    const { stats } = await worker.subscribe(Booked, () => gate.opened);
    await publisher.publish(Booked, { n: 0 });
    await until(() => stats.inFlight === 1, 'the handler to begin');
    await untilStands(publisher, Booked, 'worker', { lag: 0, pending: 1, retries: 0 });
    gate.open();
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    expect(stats).toMatchObject({ received: 1, handled: 1, failed: 0 });
  }),

  behaviour(
    'tries an event again until its handler succeeds, and tells it which attempt it is',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const inbox = new Inbox<Numbered>();
      const errors = numbers(3).map((n) => new Error(`failed in attempt ${n + 1}`));
      const handle = (data: Numbered, context: MessageContext) => {
        inbox.take(data, context);
        const error = errors[context.attempt - 1];
        if (context.attempt === 1) throw error;
        if (context.attempt === 2) return Promise.reject(error);
        return nextTurn().then(() => {
          if (error !== undefined) throw error;
        });
      };
      const { stats } = await worker.subscribe(Booked, handle, { retry: { attempts: 4, backoff: { delay: 2 } } });
      const { id } = await publisher.publish(Booked, { n: 7 });
      await until(() => stats.handled === 1, 'the attempt that succeeds');
      expect(inbox.contexts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
      expect(inbox.contexts.map(({ messageId }) => messageId)).toEqual([id, id, id, id]);
      expect(stats).toMatchObject({ received: 4, handled: 1, failed: 3, durable: { retried: 3, deadLettered: 0 } });
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0 });
      const lines = world.logger.at('warn');
      expect(lines.map(({ fields }) => fields.err)).toEqual(errors);
      for (const { fields, message } of lines) {
        expect(fields).toMatchObject({ group: 'worker', channel: world.channel(Booked), messageId: id, attempts: 4 });
        expect(message).toContain('conformance.booked');
      }
    },
  ),

  ...pauses.map(({ how, backoff, expected }) =>
    behaviour(`pauses before each next attempt, ${how}`, ['durable events'], async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const times: number[] = [];
      const handle = () => {
        times.push(performance.now());
        if (times.length <= expected.length) throw new Error('not yet');
      };
      await worker.subscribe(Booked, handle, { retry: { backoff: { jitter: 0, ...backoff } } });
      await publisher.publish(Booked, { n: 0 });
      await until(() => times.length > expected.length, 'the last attempt');
      for (const [index, delay] of expected.entries()) {
        const took = times[index + 1]! - times[index]!;
        expect(took).toBeGreaterThan(delay - TICK);
        expect(took).toBeLessThan(delay + LOAD);
      }
    }),
  ),

  behaviour(
    'goes on with other events while one waits for another attempt, although it handles one at a time',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const handled: number[] = [];
      const handle = ({ n }: Numbered) => {
        if (n === 0 && handled.length < 20) throw new Error('the others first');
        handled.push(n);
      };
      const retry = { attempts: 10_000, backoff: { delay: 2 } };
      await worker.subscribe(Booked, handle, { concurrency: 1, retry });
      await Promise.all(numbers(21).map((n) => publisher.publish(Booked, { n })));
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(handled).toEqual([...numbers(21).slice(1), 0]);
    },
  ),

  behaviour('gives an event up after its last attempt', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const attempts: number[] = [];
    const handle = (_: Numbered, { attempt }: MessageContext) => {
      attempts.push(attempt);
      throw new Error('never');
    };
    const { stats } = await worker.subscribe(Booked, handle, { retry: { attempts: 3, backoff: { delay: 1 } } });
    await publisher.publish(Booked, { n: 0 });
    const letters = await untilDead(publisher, Booked, 'worker', 1);
    expect(letters).toMatchObject([{ code: 'HANDLER_FAILED', message: 'Error: never', attempts: 3 }]);
    await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 1 });
    expect(attempts).toEqual([1, 2, 3]);
    expect(stats).toMatchObject({ received: 3, handled: 0, failed: 3, durable: { retried: 2, deadLettered: 1 } });
    expect(world.logger.at('error')).toMatchObject([{ fields: { attempt: 3, attempts: 3 } }]);
  }),

  behaviour(
    'gives an event up at once when its handler says so: NonRetryableError',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const handled: number[] = [];
      const handle = ({ n }: Numbered) => {
        if (n === 0) throw new NonRetryableError('sold out');
        handled.push(n);
      };
      const { stats } = await worker.subscribe(Booked, handle, { concurrency: 1 });
      await Promise.all(numbers(3).map((n) => publisher.publish(Booked, { n })));
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 1 });
      expect(handled).toEqual([1, 2]);
      expect(await publisher.inspect(Booked).deadLetters('worker').list()).toMatchObject([
        {
          code: 'HANDLER_FAILED',
          message: expect.stringContaining('sold out'),
          attempts: 1,
          envelope: { data: { n: 0 } },
        },
      ]);
      expect(stats.durable).toMatchObject({ retried: 0, deadLettered: 1 });
    },
  ),

  behaviour(
    'lets a handler choose the pause before the next attempt: RetryLaterError',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const times: number[] = [];
      const handle = () => {
        times.push(performance.now());
        if (times.length === 1) throw new RetryLaterError('1ms');
        throw new RetryLaterError(50);
      };
      await worker.subscribe(Booked, handle, { retry: { attempts: 3, backoff: { delay: '1h' } } });
      await publisher.publish(Booked, { n: 0 });
      const letters = await untilDead(publisher, Booked, 'worker', 1);
      expect(letters, 'it is an attempt as any other').toMatchObject([{ attempts: 3 }]);
      expect(times).toHaveLength(3);
      expect(times[2]! - times[1]!).toBeGreaterThan(50 - TICK);
    },
  ),

  behaviour('tries an event again although the instance that failed has ended', ['durable events'], async (world) => {
    const [publisher, ends, comes] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
    const fail = () => {
      throw new Error('failed before the end');
    };
    const options = { retry: { attempts: 5, backoff: { delay: 50, jitter: 0 } } };
    const { stats } = await ends!.subscribe(Booked, fail, options);
    await publisher.publish(Booked, { n: 0 });
    await until(() => stats.failed === 1, 'the first attempt');
    expect(await ends!.close()).toEqual({ abandoned: 0, handedOver: 0 });
    const attempts = stats.received;
    await untilStands(publisher, Booked, 'worker', { lag: 0, pending: 1, retries: 1, members: 0 });
    const inbox = new Inbox<Numbered>();
    await comes!.subscribe(Booked, inbox.take, options);
    expect(await inbox.first(1)).toEqual([{ n: 0 }]);
    expect(inbox.contexts[0]?.attempt).toBe(attempts + 1);
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
  }),
];
