import { type AnyRequest, BelfryError, defineRequest } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  CALLER,
  CALLER_INBOX,
  Count,
  nextTurn,
  Quote,
  RESPONDER,
  ScriptedTransport,
  TurnedClock,
  watched,
} from '../test/doubles.js';
import type { Answer } from './answer.js';
import { RecordedLogger } from './conformance/recorded-logger.js';
import { currentContext, type RequestContext } from './context.js';
import { Mailbox } from './mailbox.js';
import { RequestReceiver, type RequestReceiverOptions } from './request-receiver.js';
import { StreamBudgets } from './stream-budget.js';

const STRANGER = '/stranger/0000000000000bad';

/** A responder whose handler is held back until the test lets it go on, unless there is another. */
function respond(contract: AnyRequest, options: Partial<RequestReceiverOptions> = {}) {
  const clock = new TurnedClock();
  const transport = new ScriptedTransport();
  const logger = new RecordedLogger();
  const answers = new Map<string, Answer>();
  const contexts = new Map<string, RequestContext>();
  const releases = new Map<string, (output: unknown) => void>();
  const mailbox = new Mailbox({
    transport,
    namespace: 'test',
    source: RESPONDER,
    nextId: () => 'letter',
    maxMessageBytes: 1000,
    receive: () => {},
    logger,
    clock,
  });
  const receiver = new RequestReceiver({
    budgets: new StreamBudgets(),
    contract,
    channel: `test:${contract.channel}/request`,
    group: 'pricing',
    handler: (_, context) => {
      contexts.set(context.messageId, context);
      return new Promise((resolve) => releases.set(context.messageId, resolve));
    },
    middleware: [],
    concurrency: 16,
    maxQueuedMessages: 100,
    maxQueuedBytes: 100_000,
    maxMessageBytes: 1000,
    validate: { publish: true, receive: true },
    exposeErrors: false,
    mailbox,
    answers,
    onBegin: () => {},
    logger,
    clock,
    ...options,
  });
  const deliver = (id: string, attributes: object = {}): void => receiver.deliver(envelope(contract, id, attributes));
  const release = async (id: string, output: unknown = { cents: 7 }): Promise<void> => {
    releases.get(id)?.(output);
    await nextTurn();
  };
  /** What was written to callers: request, kind, what it says. */
  const said = (): unknown[] => transport.sent.map(({ request, kind, data }) => [request, kind, data]);
  /** The figures, whose parts are the sum of what arrived. */
  const stats = () => {
    const { received, rejected, queued, inFlight, ...rest } = receiver.stats;
    const { handled, failed, dropped, expired, cancelled, abandoned } = rest;
    const refused = Object.values(rejected).reduce((one, other) => one + other);
    expect(handled + failed + dropped + expired + cancelled + abandoned + refused + queued + inFlight).toBe(received);
    return { received, rejected, queued, inFlight, ...rest };
  };
  return { clock, transport, logger, answers, contexts, receiver, deliver, release, said, stats };
}

const envelope = (contract: AnyRequest, id: string, attributes: object = {}): string =>
  JSON.stringify({
    specversion: '1.0',
    id,
    source: CALLER,
    type: contract.name,
    dataversion: String(contract.version),
    timeoutms: 5000,
    data: { sku: 'x' },
    ...attributes,
  });

describe('a request', () => {
  it('is answered with what its handler returns, to whoever asked', async () => {
    const { deliver, release, transport, stats, answers, clock } = respond(Quote);
    deliver('r-1');
    expect(stats()).toMatchObject({ received: 1, inFlight: 1 });
    expect([...answers.keys()]).toEqual([`${CALLER} r-1`]);
    await release('r-1');
    expect(transport.sent).toMatchObject([
      { to: CALLER_INBOX, source: RESPONDER, kind: 'reply', request: 'r-1', data: { cents: 7 } },
    ]);
    expect(stats()).toMatchObject({ handled: 1, inFlight: 0 });
    expect([answers.size, clock.timers]).toEqual([0, 0]);
  });

  it('is aborted by nobody but who asked it, also when a stranger asks something under the same id', async () => {
    const { deliver, release, answers, contexts, stats } = respond(Quote);
    deliver('r-1');
    const { signal } = contexts.get('r-1') as RequestContext;
    deliver('r-1', { source: STRANGER });
    answers.get(`${STRANGER} r-1`)?.cancel();
    await release('r-1');
    expect([signal.aborted, [...answers.keys()]]).toEqual([false, [`${CALLER} r-1`]]);
    answers.get(`${CALLER} r-1`)?.cancel();
    expect(signal.aborted).toBe(true);
    expect(stats()).toMatchObject({ received: 2, inFlight: 1, cancelled: 1 });
  });

  it('that came twice can still be aborted when one of the two is done', async () => {
    const releases: (() => void)[] = [];
    const handler = () => new Promise((resolve) => releases.push(() => resolve({ cents: 7 })));
    const { deliver, answers, stats } = respond(Quote, { handler });
    deliver('r-1');
    deliver('r-1');
    releases[0]?.();
    await nextTurn();
    expect([stats().inFlight, answers.size]).toEqual([1, 1]);
    releases[1]?.();
    await nextTurn();
    expect([stats().inFlight, answers.size]).toEqual([0, 0]);
  });

  it('comes with everything that its envelope says, and the time that is left on this clock', async () => {
    const { deliver, contexts, clock } = respond(Quote);
    deliver('r-1', {
      time: '2026-01-02T03:04:05.678Z',
      timeoutms: 700,
      partitionkey: 'k',
      correlationid: 'c',
      causationid: 'p',
      traceparent: '00-1',
      tenant: 'eu',
    });
    expect(contexts.get('r-1')).toMatchObject({
      type: 'pricing.quote',
      data: { sku: 'x' },
      version: 1,
      messageId: 'r-1',
      source: CALLER,
      time: new Date('2026-01-02T03:04:05.678Z'),
      group: 'pricing',
      key: 'k',
      correlationId: 'c',
      causationId: 'p',
      traceparent: '00-1',
      extensions: { tenant: 'eu' },
      channel: 'test:pricing.quote/request',
      deadline: new Date(clock.time + 700),
    });
  });

  it('is handled in the flow that it belongs to', async () => {
    let seen: unknown;
    const { deliver } = respond(Quote, {
      handler: async () => {
        await nextTurn();
        seen = currentContext();
        return { cents: 1 };
      },
    });
    deliver('r-1', { correlationid: 'c' });
    await nextTurn();
    await nextTurn();
    expect(seen).toMatchObject({ correlationId: 'c', messageId: 'r-1', deadline: expect.any(Date) });
  });

  it.each([
    ["has the contract's time when it does not say how long its caller waits", undefined, 5000],
    ['has the time that it says', 60_000, 60_000],
  ])('%s', async (_, timeoutms, milliseconds) => {
    const { deliver, contexts, clock } = respond(Quote);
    deliver('r-1', { timeoutms });
    const context = contexts.get('r-1');
    expect(context?.deadline).toEqual(new Date(clock.time + milliseconds));
    const signal = context?.signal;
    await clock.turn(milliseconds - 1);
    expect(signal?.aborted).toBe(false);
    await clock.turn(1);
    expect(signal?.reason).toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('may wait longer than a Date can say', () => {
    const { deliver, contexts } = respond(Quote);
    deliver('r-1', { timeoutms: 1e300 });
    expect(contexts.get('r-1')?.deadline.getTime()).toBe(8_640_000_000_000_000);
  });

  it('is waited for by idle() until its answer is on its way', async () => {
    const { deliver, release, receiver, transport, clock } = respond(Quote);
    transport.onSend = async () => false;
    deliver('r-1');
    const idle = watched(receiver.idle());
    await release('r-1');
    expect(idle.isSettled).toBe(false);
    transport.onSend = async () => true;
    await clock.turn(100);
    expect(idle.isSettled).toBe(true);
  });
});

describe('a request that is not handled', () => {
  it.each<[string, string, object, string | undefined]>([
    ['another type', 'wrongContract', { type: 'pricing.other' }, 'another request'],
    ['another version', 'wrongContract', { dataversion: '2' }, 'another version'],
    ['input that does not fit', 'invalid', { data: { sku: ['secret'] } }, 'at sku'],
    ['no input', 'invalid', { data: undefined }, 'at (the whole)'],
    ['a source that is no /service/instance', 'unreadable', { source: 'https://example.org/orders' }, undefined],
    ['a source that is a place elsewhere', 'unreadable', { source: '/a/b/00000000000000ca' }, undefined],
    ['an instance that is none', 'unreadable', { source: '/shop/i' }, undefined],
    ['a time that is none', 'unreadable', { timeoutms: 'secret' }, undefined],
    ['more than may come', 'tooLarge', { data: { sku: 'secret'.repeat(200) } }, 'it is larger'],
  ])('is counted, logged without what it says, and its caller told where that can be: %s', async (...the) => {
    const [, reason, attributes, told] = the;
    const { deliver, contexts, logger, said, stats } = respond(Quote);
    deliver('r-1', attributes);
    await nextTurn();
    expect(contexts.size).toBe(0);
    expect(stats()).toMatchObject({ received: 1, rejected: { [reason]: 1 } });
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { request: 'pricing.quote', reason } }]);
    expect(logger.text).not.toContain('secret');
    if (told === undefined) expect(said()).toEqual([]);
    else
      expect(said()).toEqual([
        ['r-1', 'error', { code: 'REQUEST_REJECTED', reason: expect.stringContaining(told) as string }],
      ]);
    expect(JSON.stringify(said())).not.toContain('secret');
    deliver('r-2');
    expect(contexts.size).toBe(1);
  });

  it('because it expired in the queue is dropped, and counted', async () => {
    const { deliver, release, contexts, clock, said, stats } = respond(Quote, { concurrency: 1 });
    deliver('r-1', { timeoutms: 60_000 });
    deliver('r-2', { timeoutms: 1000 });
    deliver('r-3', { timeoutms: 1001 });
    await clock.turn(1000);
    await release('r-1');
    expect([...contexts.keys()]).toEqual(['r-1', 'r-3']);
    expect(stats()).toMatchObject({ handled: 1, expired: 1, inFlight: 1, queued: 0 });
    expect(said()).toHaveLength(1);
  });

  it('because no time was left when it was written is dropped', () => {
    const { deliver, contexts, stats } = respond(Quote);
    deliver('r-1', { timeoutms: 0 });
    expect([contexts.size, stats().expired]).toEqual([0, 1]);
  });

  it('because it was aborted while it waited is dropped, and counted', async () => {
    const { deliver, release, receiver, contexts, said, stats } = respond(Quote, { concurrency: 1 });
    for (const id of ['r-1', 'r-2', 'r-3']) deliver(id);
    receiver.cancel(CALLER, 'r-2');
    receiver.cancel(CALLER, 'of another contract');
    await release('r-1');
    await release('r-3');
    expect([...contexts.keys()]).toEqual(['r-1', 'r-3']);
    expect(stats()).toMatchObject({ handled: 2, cancelled: 1, inFlight: 0 });
    expect(said()).toHaveLength(2);
  });

  it('is handled although a stranger has aborted it, or so many others that nobody remembers all of them', async () => {
    const { deliver, release, receiver, contexts, stats } = respond(Quote, { concurrency: 1 });
    for (const id of ['r-1', 'r-2']) deliver(id);
    receiver.cancel(STRANGER, 'r-2');
    receiver.cancel(CALLER, 'r-2'.padEnd(1_000_000, 'x'));
    for (let n = 0; n < 20_000; n++) receiver.cancel(CALLER, `other-${n}`);
    receiver.cancel(CALLER, 'r-2'); // one too many
    await release('r-1');
    await release('r-2');
    expect([...contexts.keys()]).toEqual(['r-1', 'r-2']);
    expect(stats()).toMatchObject({ handled: 2, cancelled: 0 });
  });

  it('because the queue is full is refused; that is logged now and then, not each time', async () => {
    const { deliver, release, logger, clock, said, stats } = respond(Quote, { concurrency: 1, maxQueuedMessages: 1 });
    for (const id of ['r-1', 'r-2', 'r-3', 'r-4']) deliver(id);
    await nextTurn();
    const full = { code: 'REQUEST_REJECTED', reason: 'its queue is full' };
    expect(said()).toEqual([
      ['r-3', 'error', full],
      ['r-4', 'error', full],
    ]);
    expect(stats()).toMatchObject({ dropped: 2, queued: 1, inFlight: 1 });
    expect(logger.at('warn')).toMatchObject([{ fields: { request: 'pricing.quote', group: 'pricing', dropped: 1 } }]);
    await clock.turn(10_000);
    deliver('r-5');
    expect(logger.at('warn')).toHaveLength(2);
    await release('r-1');
    expect(stats()).toMatchObject({ dropped: 3, expired: 1 });
  });

  it('because the queue is full, and is no request at all, tells nobody', async () => {
    const { deliver, receiver, said, stats } = respond(Quote, { concurrency: 1, maxQueuedMessages: 1 });
    for (const id of ['r-1', 'r-2']) deliver(id);
    for (const body of ['garbage', envelope(Quote, 'r-3', { source: 'nobody' })]) receiver.deliver(body);
    await nextTurn();
    expect(said()).toEqual([]);
    expect(stats()).toMatchObject({ dropped: 2 });
  });
});

describe('the handler', () => {
  it('may throw or return an error that the contract declares: the caller gets it, nothing is logged', async () => {
    const errors = [Quote.error('UNKNOWN_SKU', { sku: 'x' }), Quote.error('SOLD_OUT')];
    const { deliver, transport, stats, logger } = respond(Quote, {
      handler: async (_, { messageId }) => {
        if (messageId === 'r-0') throw errors[0];
        return errors[1];
      },
    });
    deliver('r-0');
    deliver('r-1');
    await nextTurn();
    await nextTurn();
    expect(Object.fromEntries(transport.sent.map(({ request, data }) => [request, data]))).toEqual({
      'r-0': { code: 'UNKNOWN_SKU', data: { sku: 'x' } },
      'r-1': { code: 'SOLD_OUT' },
    });
    expect(stats()).toMatchObject({ handled: 2, failed: 0 });
    expect(logger.lines).toEqual([]);
  });

  const Other = defineRequest('a.b', { input: z.null(), output: z.null(), errors: { SOLD_OUT: null } });
  const failures: [string, () => unknown][] = [
    ['throws anything else', () => Promise.reject(new RangeError('secret'))],
    [
      'throws at once',
      () => {
        throw new RangeError('secret');
      },
    ],
    ['throws nothing', () => Promise.reject()],
    ['throws null', () => Promise.reject(null)],
    ['throws an error of Belfry’s', () => Promise.reject(new BelfryError('NO_RESPONDERS', { message: 'secret' }))],
    ['throws an error of another contract', () => Promise.reject(Other.error('SOLD_OUT'))],
    ['throws a declared error with data that do not fit', () => Quote.error('UNKNOWN_SKU', { sku: 7 as never })],
    ['returns what does not fit', () => ({ cents: 'secret' })],
    ['returns nothing', () => undefined],
    ['returns a circle', () => Object.assign({ cents: 1 }, circle)],
    ['returns more than may travel', () => ({ cents: 1, secret: 'x'.repeat(2000) })],
  ];
  const circle: { self?: unknown } = {};
  circle.self = circle;

  it.each(failures)('that %s fails; its caller gets the id under which that is logged', async (_, handler) => {
    const { deliver, said, stats, logger, answers, clock } = respond(Quote, { handler });
    deliver('r-1', { correlationid: 'c-1' });
    await nextTurn();
    await nextTurn();
    expect(said()).toEqual([['r-1', 'error', { code: 'HANDLER_FAILED', errorId: 'r-1' }]]);
    expect(stats()).toMatchObject({ handled: 0, failed: 1, inFlight: 0 });
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { request: 'pricing.quote', errorId: 'r-1', correlationId: 'c-1', source: CALLER } },
    ]);
    expect(logger.lines[0]?.fields).toHaveProperty('err');
    expect([answers.size, clock.timers]).toEqual([0, 0]);
  });

  it('tells its own words only when they are exposed', async () => {
    const { deliver, said } = respond(Quote, {
      exposeErrors: true,
      handler: () => Promise.reject(new RangeError('no connection')),
    });
    deliver('r-1');
    await nextTurn();
    await nextTurn();
    expect(said()).toMatchObject([
      [
        'r-1',
        'error',
        { detail: { message: 'no connection', stack: expect.stringContaining('RangeError') as string } },
      ],
    ]);
  });

  it('never makes a letter larger than what may travel, not even with a declared error', async () => {
    const { deliver, transport } = respond(Quote, {
      handler: () => Promise.reject(Quote.error('UNKNOWN_SKU', { sku: 'x'.repeat(2000) })),
    });
    deliver('r-1');
    await nextTurn();
    await nextTurn();
    expect(transport.sent).toHaveLength(1);
    expect(transport.sent[0]?.size).toBeLessThan(1300);
  });

  it('of a contract with a key handles one key one request at a time', async () => {
    const Keyed = defineRequest('pricing.quote', { input: z.any(), output: z.any(), key: ({ sku }) => sku });
    const { deliver, release, contexts } = respond(Keyed);
    for (const id of ['a1', 'a2', 'b1']) deliver(id, { partitionkey: id[0] });
    expect([...contexts.keys()]).toEqual(['a1', 'b1']);
    await release('a1');
    expect([...contexts.keys()]).toEqual(['a1', 'b1', 'a2']);
  });

  it('of a contract without a key does not care for keys', () => {
    const { deliver, contexts } = respond(Quote);
    for (const id of ['a1', 'a2']) deliver(id, { partitionkey: 'a' });
    expect([...contexts.keys()]).toEqual(['a1', 'a2']);
  });
});

describe('a caller that waits no more', () => {
  it('is not answered: its abort reaches the handler, and is counted', async () => {
    const { deliver, release, answers, contexts, said, stats, clock } = respond(Quote);
    deliver('r-1');
    const signal = contexts.get('r-1')?.signal;
    answers.get(`${CALLER} r-1`)?.cancel();
    expect(signal?.reason).toMatchObject({ code: 'REQUEST_ABORTED' });
    await release('r-1');
    expect([said(), answers.size, clock.timers]).toEqual([[], 0, 0]);
    expect(stats()).toMatchObject({ handled: 0, cancelled: 1 });
  });

  it('reaches a handler that asks for its signal only afterwards', () => {
    const { deliver, answers, contexts } = respond(Quote);
    deliver('r-1');
    answers.get(`${CALLER} r-1`)?.lost();
    expect(contexts.get('r-1')?.signal.aborted).toBe(true);
  });

  it('makes no error of what its handler throws then', async () => {
    const { deliver, answers, logger, said, stats } = respond(Quote, {
      handler: (_, { signal }) =>
        new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    deliver('r-1');
    await nextTurn();
    answers.get(`${CALLER} r-1`)?.cancel();
    await nextTurn();
    expect([said(), logger.at('error'), stats().cancelled]).toEqual([[], [], 1]);
  });

  it.each([true, false])(
    'because its time is over makes no error of what the handler throws then (signal asked for: %j)',
    async (asksForSignal) => {
      let fail = () => {};
      const { deliver, clock, logger, stats } = respond(Quote, {
        handler: (_, context) => {
          if (asksForSignal) void context.signal;
          return new Promise((__, reject) => (fail = () => reject(new Error('too late'))));
        },
      });
      deliver('r-1', { timeoutms: 1000 });
      await clock.turn(1500);
      fail();
      await nextTurn();
      expect([logger.at('error'), stats()]).toMatchObject([[], { failed: 0, cancelled: 1 }]);
    },
  );

  it('is watched, impatiently', () => {
    const { deliver, answers, clock } = respond(Quote);
    deliver('r-1');
    expect(answers.get(`${CALLER} r-1`)).toMatchObject({
      peer: CALLER_INBOX,
      since: clock.time,
      patience: 2,
      misses: 0,
    });
  });

  it('does not get its stream any more, which is counted as cancelled', async () => {
    const { deliver, transport, stats, answers } = respond(Count, {
      handler: async function* () {
        for (let n = 0; ; n++) yield n;
      },
    });
    transport.onSend = async () => {
      answers.get(`${CALLER} r-1`)?.cancel();
      return true;
    };
    deliver('r-1', { data: 1 });
    for (let n = 0; n < 10; n++) await nextTurn();
    expect(stats()).toMatchObject({ cancelled: 1, handled: 0, inFlight: 0 });
  });

  it('and does not even receive a stream’s letters is counted as cancelled too', async () => {
    const { deliver, transport, stats, clock } = respond(Count, {
      handler: async function* () {
        for (let n = 0; n < 100; n++) yield n;
      },
    });
    transport.onSend = async () => false;
    deliver('r-1', { data: 1 });
    await clock.turn(20_000);
    expect(stats()).toMatchObject({ cancelled: 1, handled: 0, inFlight: 0 });
  });
});

describe('a stream', () => {
  it('is written with its values and its end', async () => {
    const { deliver, said, stats, answers, clock } = respond(Count, {
      handler: async function* () {
        yield 1;
        yield 2;
      },
    });
    deliver('r-1', { data: 1 });
    for (let n = 0; n < 10; n++) await nextTurn();
    expect(said().at(-1)).toEqual(['r-1', 'end', undefined]);
    expect(stats()).toMatchObject({ handled: 1, inFlight: 0 });
    expect([answers.size, clock.timers]).toEqual([0, 0]);
  });

  it('that fails says after how many values', async () => {
    const { deliver, transport, stats } = respond(Count, {
      handler: async function* () {
        yield 1;
        yield 2;
        throw Count.error('TOO_MANY', { most: 2 });
      },
    });
    deliver('r-1', { data: 1 });
    for (let n = 0; n < 10; n++) await nextTurn();
    expect(transport.sent.at(-1)).toMatchObject({
      kind: 'error',
      sequence: 2,
      data: { code: 'TOO_MANY', data: { most: 2 } },
    });
    expect(stats()).toMatchObject({ handled: 1, failed: 0 });
  });

  it('has the time of one value for each value, and none while its caller takes nothing', async () => {
    let context: RequestContext | undefined;
    let go: () => void = () => {};
    const { deliver, answers, clock } = respond(Count, {
      handler: async function* (_, given) {
        context = given;
        for (let n = 0; n < 128; n++) yield n;
        await new Promise<void>((resolve) => (go = resolve));
        yield 128;
      },
    });
    deliver('r-1', { data: 1, timeoutms: 1000 });
    await nextTurn();
    const signal = context?.signal;
    await clock.turn(1_000_000); // no credit: nobody waits
    expect([signal?.aborted, context?.deadline.getTime()]).toEqual([false, 8_640_000_000_000_000]);
    answers.get(`${CALLER} r-1`)?.credit(129);
    await nextTurn();
    expect(context?.deadline).toEqual(new Date(clock.time + 1000));
    await clock.turn(999);
    expect(signal?.aborted).toBe(false);
    await clock.turn(1);
    expect(signal?.reason).toMatchObject({ code: 'REQUEST_TIMEOUT' });
    answers.get(`${CALLER} r-1`)?.cancel();
    go();
  });
});

describe('abandoning', () => {
  it('tells every caller, of what waits and of what is being handled, and aborts the handlers', async () => {
    const { deliver, release, receiver, contexts, said, stats } = respond(Quote, { concurrency: 1 });
    for (const id of ['r-1', 'r-2', 'r-3']) deliver(id);
    const signal = contexts.get('r-1')?.signal;
    receiver.abandon();
    await nextTurn();
    const stopping = { code: 'REQUEST_REJECTED', reason: expect.stringContaining('stops') as string };
    expect(said()).toEqual(['r-2', 'r-3', 'r-1'].map((id) => [id, 'error', stopping]));
    expect(signal?.reason).toMatchObject({ code: 'BUS_CLOSED' });
    expect(stats()).toMatchObject({ abandoned: 2, queued: 0, inFlight: 1 });
    await release('r-1');
    expect(said()).toHaveLength(3);
    expect(stats()).toMatchObject({ abandoned: 2, cancelled: 1, inFlight: 0 });
    await receiver.idle();
  });

  it('stops a stream: the caller is told, the generator runs its finally', async () => {
    let ended = false;
    const { deliver, receiver, said, stats } = respond(Count, {
      handler: async function* () {
        try {
          for (let n = 0; ; n++) yield n;
        } finally {
          ended = true;
        }
      },
    });
    deliver('r-1', { data: 1 });
    for (let n = 0; n < 300; n++) await nextTurn(); // until there is no credit
    receiver.abandon();
    await receiver.idle();
    expect([ended, said().at(-1)]).toMatchObject([true, ['r-1', 'error', { code: 'REQUEST_REJECTED' }]]);
    expect(stats()).toMatchObject({ cancelled: 1, inFlight: 0 });
  });
});
