import {
  type AnyContract,
  BelfryError,
  defineEvent,
  type EventContract,
  NonRetryableError,
  RetryLaterError,
} from '@belfry/contracts';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { TurnedClock } from '../../test/doubles.js';
import { RecordedLogger } from '../conformance/recorded-logger.js';
import { currentContext, type MessageContext } from '../context.js';
import { wholeEnvelopes } from '../../test/whole-envelope.js';
import { Rejections } from '../rejections.js';
import { newDurableStats, newStats } from '../subscription-stats.js';
import { type Attempt, Attempts, type AttemptsOptions } from './attempts.js';

const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ total: z.number().transform((total) => total * 100) }),
  guarantee: 'durable',
});

const encode = wholeEnvelopes('/shop/1', 'orders.placed', 1);
const TIME = Date.parse('2026-05-01T12:00:00Z');

/** An order, as it stands in a log. */
const order = (data: unknown = { total: 7 }): string =>
  encode({ id: 'm-1', time: TIME, key: 'ann', correlationId: 'c-1' }, JSON.stringify(data));

/** Handles one entry after the other, with `handler`; what it is told and what it says is kept. */
function attemptsWith(handler: AttemptsOptions['handler'], options: Partial<AttemptsOptions> = {}) {
  const logger = new RecordedLogger();
  const clock = new TurnedClock();
  const rejections = new Rejections({ group: 'billing' }, logger, clock);
  const stats = { ...newStats(rejections.counts, []), durable: newDurableStats() };
  const attempts = new Attempts({
    title: 'orders.placed',
    contract: OrderPlaced as AnyContract as EventContract,
    channel: 'shop:orders.placed',
    group: 'billing',
    handler,
    middleware: [],
    retry: { attempts: 3, type: 'fixed', delay: 100, maxDelay: 100, factor: 1, jitter: 0 },
    once: undefined,
    maxMessageBytes: 1000,
    validate: true,
    noCommits: undefined,
    stats,
    rejections,
    logger,
    clock,
    ...options,
  });
  const run = (attempt: Partial<Attempt> = {}) =>
    attempts.run({
      id: '1-0',
      body: order(),
      key: 'ann',
      attempt: 1,
      signal: new AbortController().signal,
      ...attempt,
    });
  return { run, stats, logger };
}

const fails = (error: unknown) => () => {
  throw error;
};

describe('an attempt', () => {
  it('hands data and context to the handler, and is done when it returns', () => {
    const calls: { data: unknown; context: MessageContext; current: unknown }[] = [];
    const { run, stats, logger } = attemptsWith((data, context) => {
      calls.push({ data, context, current: currentContext() });
    });
    const { signal } = new AbortController();
    expect(run({ attempt: 2, signal })).toEqual({ outcome: 'done', once: undefined });
    const [{ data, context, current }] = calls as [(typeof calls)[number]];
    expect(data).toEqual({ total: 700 });
    expect(context).toMatchObject({
      type: 'orders.placed',
      data: { total: 700 },
      messageId: 'm-1',
      correlationId: 'c-1',
      key: 'ann',
      group: 'billing',
      channel: 'shop:orders.placed',
      attempt: 2,
      time: new Date(TIME),
    });
    expect(context.signal).toBe(signal);
    expect(current).toBe(context);
    expect(stats).toMatchObject({ received: 1, handled: 1, failed: 0, durable: newDurableStats() });
    expect(logger.lines).toEqual([]);
  });

  it('waits for a handler that is asynchronous', async () => {
    const { run, stats } = attemptsWith(async () => 'whatever');
    const outcome = run();
    expect(stats.handled).toBe(0);
    expect(await outcome).toEqual({ outcome: 'done', once: undefined });
    expect(stats.handled).toBe(1);
  });

  it('makes no signal for a handler that does not look at it', () => {
    const signal = vi.fn(() => new AbortController().signal);
    const { run } = attemptsWith(() => {});
    run(Object.defineProperty({ id: '1-0' }, 'signal', { get: signal, enumerable: false }));
    expect(signal).not.toHaveBeenCalled();
  });

  it('goes through the middleware', async () => {
    const { run } = attemptsWith(() => {}, {
      middleware: [
        async (call, next) => {
          if (call.side === 'handle' && call.context.attempt === 2) throw new Error('not twice');
          return next();
        },
      ],
    });
    expect(await run()).toMatchObject({ outcome: 'done' });
    expect(await run({ attempt: 2 })).toMatchObject({ outcome: 'retry' });
  });

  it('asks for a mark of what it completed, where that is wanted', async () => {
    const { run } = attemptsWith(async () => {}, { once: 60_000 });
    expect(await run()).toEqual({ outcome: 'done', once: { messageId: 'm-1', window: 60_000 } });
  });

  it('hands over what was published, without a look at the schema, where that is wanted', () => {
    const seen: unknown[] = [];
    const { run } = attemptsWith((data) => void seen.push(data), { validate: false });
    run({ body: order('no object') });
    expect(seen).toEqual(['no object']);
  });
});

describe('an attempt that fails', () => {
  it.each([
    ['throws', fails(new Error('no'))],
    ['rejects', async () => fails(new Error('no'))()],
  ])('is made again after the pause of its policy, when the handler %s', async (_, handler) => {
    const { run, stats, logger } = attemptsWith(handler);
    expect(await run()).toEqual({ outcome: 'retry', delay: 100 });
    expect(stats).toMatchObject({ received: 1, handled: 0, failed: 1, durable: { retried: 1, deadLettered: 0 } });
    expect(logger.lines).toEqual([
      {
        level: 'warn',
        fields: {
          subscription: 'orders.placed',
          channel: 'shop:orders.placed',
          group: 'billing',
          messageId: 'm-1',
          correlationId: 'c-1',
          attempt: 1,
          attempts: 3,
          err: new Error('no'),
          retryInMs: 100,
        },
        message: 'A handler of orders.placed threw. The event is tried again.',
      },
    ]);
  });

  it('is the last one when it is the last that is allowed', () => {
    const { run, stats, logger } = attemptsWith(fails(new TypeError('no')));
    expect(run({ attempt: 2 })).toMatchObject({ outcome: 'retry' });
    expect(run({ attempt: 3 })).toEqual({
      outcome: 'dead',
      reason: { code: 'HANDLER_FAILED', message: 'TypeError: no' },
    });
    expect(stats).toMatchObject({ failed: 2, durable: { retried: 1, deadLettered: 1 } });
    expect(logger.at('error').map(({ message }) => message)).toEqual([
      'A handler of orders.placed threw in attempt 3 of 3. It goes to the dead letters.',
    ]);
  });

  it('has no dead letters to go to in a broadcast, and says so', () => {
    const { run, logger } = attemptsWith(fails(new Error('no')), { group: undefined });
    run({ attempt: 3 });
    expect(logger.at('error')[0]?.message).toContain('It is given up: a broadcast has no dead letters.');
  });

  it('waits as long as the error says', () => {
    const { run } = attemptsWith(fails(new RetryLaterError('10m')));
    expect(run()).toEqual({ outcome: 'retry', delay: 600_000 });
  });

  it('is not made again when the error says that this makes no sense', () => {
    const { run } = attemptsWith(fails(new NonRetryableError('the customer is gone.')));
    expect(run()).toMatchObject({
      outcome: 'dead',
      reason: { code: 'HANDLER_FAILED', message: expect.stringContaining('the customer is gone.') },
    });
  });

  it.each([
    ['an error of another copy of the package', { retryable: false }, { outcome: 'dead' }],
    ['a pause of another copy of the package', { retryDelay: 5 }, { outcome: 'retry', delay: 5 }],
    ['a pause that is none', { retryDelay: '5' }, { outcome: 'retry', delay: 100 }],
    ['a pause into the past', { retryDelay: -5 }, { outcome: 'retry', delay: 100 }],
    ['a pause without end', { retryDelay: Number.POSITIVE_INFINITY }, { outcome: 'retry', delay: 100 }],
    ['a pause that is no number', { retryDelay: Number.NaN }, { outcome: 'retry', delay: 100 }],
    ['nothing', undefined, { outcome: 'retry', delay: 100 }],
  ])('looks at what was thrown, not at its class: %s', (_, thrown, outcome) => {
    expect(attemptsWith(fails(thrown)).run()).toMatchObject(outcome);
  });

  it.each([
    [
      'a code of Belfry',
      new BelfryError('TIMEOUT', { message: 'too late.' }),
      { code: 'TIMEOUT', message: 'BelfryError: TIMEOUT: too late.' },
    ],
    ['a text', 'plain', { code: 'HANDLER_FAILED', message: 'plain' }],
    ['nothing', undefined, { code: 'HANDLER_FAILED', message: 'undefined' }],
    ['a long message', new Error('x'.repeat(5000)), { code: 'HANDLER_FAILED', message: `Error: ${'x'.repeat(993)}` }],
    [
      'what has no text',
      Object.create(null),
      { code: 'HANDLER_FAILED', message: 'What the handler threw cannot be written down.' },
    ],
    [
      'a proxy whose traps throw',
      untouchable(),
      { code: 'HANDLER_FAILED', message: 'What the handler threw cannot be written down.' },
    ],
  ])('is written down with the dead letter: %s', (_, thrown, reason) => {
    expect(attemptsWith(fails(thrown)).run({ attempt: 3 })).toEqual({ outcome: 'dead', reason });
  });

  it('is given up, unhandled, when every attempt before it came to no end', () => {
    const handler = vi.fn();
    const { run, stats, logger } = attemptsWith(handler);
    expect(run({ attempt: 4 })).toMatchObject({ outcome: 'dead', reason: { code: 'HANDLER_CRASHED' } });
    expect(handler).not.toHaveBeenCalled();
    expect(stats).toMatchObject({ received: 1, failed: 1, durable: { deadLettered: 1 } });
    expect(logger.at('error')).toHaveLength(1);
  });
});

describe('an entry that is not fit to be handled', () => {
  it.each([
    ['is no envelope', 'hello', 'unreadable', 'ENVELOPE_INVALID'],
    [
      'is of another contract',
      wholeEnvelopes('/shop/1', 'orders.cancelled', 1)({ id: 'm', time: 0 }, '{}'),
      'wrongContract',
      'ENVELOPE_INVALID',
    ],
    [
      'is of another version',
      wholeEnvelopes('/shop/1', 'orders.placed', 2)({ id: 'm', time: 0 }, '{}'),
      'wrongContract',
      'ENVELOPE_INVALID',
    ],
    ['is too large', order({ total: 7, note: 'ä'.repeat(500) }), 'tooLarge', 'PAYLOAD_TOO_LARGE'],
    ['does not fit the schema', order({ total: 'seven' }), 'invalid', 'PAYLOAD_INVALID'],
  ] as const)('goes to the dead letters at once: it %s', (_, body, reason, code) => {
    const handler = vi.fn();
    const { run, stats, logger } = attemptsWith(handler);
    expect(run({ body })).toMatchObject({ outcome: 'dead', reason: { code } });
    expect(handler).not.toHaveBeenCalled();
    expect(stats).toMatchObject({ received: 1, failed: 0, rejected: { [reason]: 1 }, durable: { deadLettered: 1 } });
    expect(logger.at('warn')).toHaveLength(1);
  });

  it('is counted in the same way by a schema that is asynchronous', async () => {
    const Later = defineEvent('orders.placed', {
      schema: z.object({ total: z.number().refine(async (total) => total > 0) }),
      guarantee: 'durable',
    });
    const seen: unknown[] = [];
    const { run } = attemptsWith((data) => void seen.push(data), { contract: Later as AnyContract as EventContract });
    expect(await run({ body: order({ total: -1 }) })).toMatchObject({
      outcome: 'dead',
      reason: { code: 'PAYLOAD_INVALID' },
    });
    expect(await run()).toMatchObject({ outcome: 'done' });
    expect(seen).toEqual([{ total: 7 }]);
  });

  it('says with the dead letter what is wrong, and in the log only where', () => {
    const { run, logger } = attemptsWith(() => {});
    expect(run({ body: order({ total: 'seven' }) })).toMatchObject({
      reason: { message: expect.stringMatching(/^Its data do not fit the schema\. total: .*number/) },
    });
    expect(logger.at('warn')[0]?.fields).toMatchObject({ places: ['total'] });
    expect(logger.text).not.toContain('seven');
  });
});

describe('a commit', () => {
  it('goes to the group with its commands as texts, and the mark of what was completed', async () => {
    const commit = vi.fn(async () => {});
    const { run } = attemptsWith((_, context) => context.commit(['HINCRBY', 'counts', 'ORD', 1], ['DEL', 'x']), {
      once: 1000,
    });
    expect(await run({ commit })).toMatchObject({ outcome: 'done' });
    expect(commit).toHaveBeenCalledWith(
      [
        ['HINCRBY', 'counts', 'ORD', '1'],
        ['DEL', 'x'],
      ],
      { messageId: 'm-1', window: 1000 },
    );
  });

  it('makes whatever the handler throws afterwards a thing of the log alone', async () => {
    const { run, stats, logger } = attemptsWith(async (_, { commit }) => {
      await commit();
      throw new Error('too late');
    });
    expect(await run({ commit: async () => {} })).toEqual({ outcome: 'done' });
    expect(stats).toMatchObject({ failed: 1, handled: 0, durable: { retried: 0, deadLettered: 0 } });
    expect(logger.at('error')[0]?.message).toBe(
      'A handler of orders.placed threw after its commit. The event is acknowledged and not tried again.',
    );
  });

  it('that came too late ends its handler, and nothing says that this instance tries again', async () => {
    const lost = new BelfryError('CLAIM_LOST', { message: 'as the test says.' });
    const { run, stats, logger } = attemptsWith((_, { commit }) => commit(['X']));
    await run({ commit: () => Promise.reject(lost) });
    expect(stats).toMatchObject({ failed: 1, durable: { retried: 0, deadLettered: 0 } });
    expect(logger.at('warn').map(({ message }) => message)).toEqual([
      'A handler of orders.placed has ended: the event belongs to another instance by now.',
    ]);
  });

  it('that is refused is an error like every other one', async () => {
    const refusal = new BelfryError('COMMIT_REFUSED', { message: 'as the test says.' });
    const { run } = attemptsWith((_, { commit }) => commit(['X']));
    expect(await run({ commit: () => Promise.reject(refusal) })).toEqual({ outcome: 'retry', delay: 100 });
  });

  it.each([[[]], [[true]], [['SET', Number.NaN]], [['SET', {}]], ['SET x 1'], [undefined]])(
    'refuses %j: that is no command',
    async (command) => {
      const commit = vi.fn(async () => {});
      const errors: unknown[] = [];
      const { run } = attemptsWith(async (_, context) => {
        await context.commit(command as never).catch((error: unknown) => errors.push(error));
      });
      await run({ commit });
      expect(errors).toEqual([expect.objectContaining({ code: 'OPTION_INVALID' })]);
      expect(commit).not.toHaveBeenCalled();
    },
  );

  it.each([
    ['the transport cannot', { noCommits: 'memory has none.' }, { commit: async () => {} }, 'memory has none.'],
    ['nobody shares the log', { group: undefined }, {}, 'no broadcast'],
  ])('is refused where %s', async (_, options, attempt, hint) => {
    const errors: unknown[] = [];
    const { run } = attemptsWith(async (__, { commit }) => {
      await commit(['X']).catch((error: unknown) => errors.push(error));
    }, options);
    await run(attempt);
    expect(errors).toEqual([expect.objectContaining({ code: 'UNSUPPORTED', hint: expect.stringContaining(hint) })]);
  });
});

/** Whoever looks at it regrets it. */
function untouchable(): unknown {
  const trap = () => {
    throw new Error('Do not touch.');
  };
  return new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap, getOwnPropertyDescriptor: trap });
}
