import { defineRequest } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  CALLER,
  Count,
  errorWith,
  nextTurn,
  Quote,
  RESPONDER_INBOX,
  ScriptedTransport,
  startCaller,
  watched,
} from '../test/doubles.js';
import { runInContext } from './context.js';
import type { Middleware } from './middleware.js';
import { Presence } from './presence.js';
import type { RequestsOptions } from './requests.js';

const input = { sku: 'x' };

/** Asks, and lets the request be written. */
async function askQuote(options: Partial<RequestsOptions> = {}) {
  const caller = startCaller(options);
  const outcome = watched(caller.ask(Quote, input));
  await nextTurn();
  return { ...caller, outcome };
}

describe('a request', () => {
  it('is written with everything that the responder needs', async () => {
    const { transport, ask } = startCaller();
    const Keyed = defineRequest('stock.count', {
      input: z.object({ sku: z.string(), depot: z.string().default('main') }),
      output: z.number(),
      key: ({ sku }) => sku,
      version: 2,
      timeout: '2s',
    });
    const outgoing: unknown[] = [];
    transport.onAsk = async (request) => {
      outgoing.push({ channel: request.channel, key: request.key, size: request.size });
      return transport.write(request);
    };
    watched(ask(Keyed, { sku: 'x' }, { extensions: { tenant: 'eu' } }));
    await nextTurn();
    expect(outgoing).toEqual([{ channel: 'test:stock.count.v2/request', key: 'x', size: 311 }]);
    expect(transport.written).toEqual([
      {
        specversion: '1.0',
        id: 'i-0',
        source: CALLER,
        type: 'stock.count',
        dataversion: '2',
        datacontenttype: 'application/json',
        time: new Date(1_000_000).toISOString(),
        partitionkey: 'x',
        timeoutms: 2000,
        tenant: 'eu',
        data: { sku: 'x' },
      },
    ]);
  });

  it('belongs to the flow in which it is asked, and has no more time than is left there', async () => {
    const { clock, transport, ask } = startCaller();
    const deadline = new Date(clock.time + 700);
    const outcome = runInContext({ correlationId: 'c', messageId: 'm', traceparent: '00-1', deadline }, () =>
      watched(ask(Quote, input, { timeout: '1h' })),
    );
    await nextTurn();
    expect(transport.written).toMatchObject([
      { correlationid: 'c', causationid: 'm', traceparent: '00-1', timeoutms: 700 },
    ]);
    await clock.turn(700);
    expect(outcome.error).toMatchObject({ code: 'REQUEST_TIMEOUT' });
  });

  it('is not asked when the time of the request being handled is over', async () => {
    const { clock, transport, requests, ask } = startCaller();
    await expect(
      runInContext({ correlationId: 'c', deadline: new Date(clock.time) }, () => ask(Quote, input)),
    ).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    expect([transport.asks, requests.stats.asked]).toEqual([0, 0]);
  });

  it('ends with the flow in which it is asked', async () => {
    const { transport, ask } = startCaller();
    const [flow, own] = [new AbortController(), new AbortController()];
    const outcome = runInContext({ correlationId: 'c', signal: flow.signal }, () =>
      watched(ask(Quote, input, { signal: own.signal })),
    );
    await nextTurn();
    flow.abort();
    await nextTurn();
    expect(outcome.error).toMatchObject({ code: 'REQUEST_ABORTED' });
    expect(transport.said('cancel')).toHaveLength(1);
  });

  it('has the time that its asynchronous schema left, and what is asked is as it was at the beginning', async () => {
    const { clock, transport, ask } = startCaller();
    let answer: (fits: boolean) => void = () => {};
    const slow = z.object({ sku: z.string() }).refine(() => new Promise<boolean>((resolve) => (answer = resolve)));
    const mutable = { sku: 'x' };
    watched(ask(defineRequest('a.b', { input: slow, output: z.number() }), mutable));
    mutable.sku = 'changed';
    await clock.turn(2000);
    expect(transport.asks).toBe(0);
    answer(true);
    await nextTurn();
    expect(transport.written).toMatchObject([{ timeoutms: 3000, data: { sku: 'x' } }]);
  });

  it.each([
    ['PAYLOAD_INVALID', { sku: 7 }, {}],
    ['PAYLOAD_TOO_LARGE', { sku: 'x'.repeat(2000) }, {}],
    ['OPTION_INVALID', input, { timeout: 0 }],
    ['OPTION_INVALID', input, { timeout: 'soon' }],
    ['OPTION_INVALID', input, { signal: {} }],
    ['OPTION_INVALID', input, { retries: 3 }],
    ['OPTION_INVALID', input, { key: 7 }],
    ['OPTION_INVALID', input, { extensions: { timeoutms: 7 } }],
  ])('is refused with %s, and not counted, given %j and %j', async (code, asked, options) => {
    const { transport, requests, clock, ask } = startCaller({ maxMessageBytes: 1000 });
    await expect(ask(Quote, asked, options as object)).rejects.toMatchObject({ code });
    expect([transport.asks, requests.stats.asked, clock.timers]).toEqual([0, 0, 0]);
  });

  it('of which the caller knows that it cannot be asked rejects, or its first next() does', async () => {
    const { requests } = startCaller();
    const mistake = errorWith('BUS_CLOSED');
    await expect(requests.request(Quote, input, {}, mistake)).rejects.toBe(mistake);
    const stream = requests.request(Count, 1, {}, mistake) as unknown as AsyncIterator<number>;
    await expect(stream.next()).rejects.toBe(mistake);
  });
});

describe('what comes back', () => {
  it("is the output of the contract's schema", async () => {
    const { ask, letter } = startCaller();
    const Coded = defineRequest('a.b', { input: z.null(), output: z.string().transform((text) => text.length) });
    const outcome = watched(ask(Coded, null));
    await nextTurn();
    letter('i-0', 'reply', 'four');
    await nextTurn();
    expect(outcome.value).toBe(4);
  });

  it('is refused when it does not fit the contract, saying where and not what', async () => {
    const { letter, outcome, requests } = await askQuote();
    letter('i-0', 'reply', { cents: 'secret' });
    await nextTurn();
    expect(outcome.error).toMatchObject({ code: 'REPLY_INVALID', message: expect.stringContaining('cents') });
    expect(outcome.error?.message).not.toContain('secret');
    expect(requests.stats).toMatchObject({ inFlight: 0 });
  });

  it('is not checked when checking is switched off', async () => {
    const { letter, outcome } = await askQuote({ validate: { publish: true, receive: false } });
    letter('i-0', 'reply', 'anything');
    await nextTurn();
    expect(outcome.value).toBe('anything');
  });

  it('may be an error that the contract declares, with its data as the schema gives them', async () => {
    const { letter, outcome, requests } = await askQuote();
    letter('i-0', 'error', { code: 'UNKNOWN_SKU', data: { sku: 'four' } });
    await nextTurn();
    const error: unknown = outcome.error;
    expect(Quote.isError(error, 'UNKNOWN_SKU') && error.data).toEqual({ sku: 4 });
    expect(requests.stats).toMatchObject({ answered: 1, failed: 0 });
  });

  it('may be an error of Belfry’s, and counts as failed', async () => {
    const { letter, outcome, requests } = await askQuote();
    letter('i-0', 'error', { code: 'HANDLER_FAILED', errorId: 'e-1' });
    await nextTurn();
    expect(outcome.error).toMatchObject({ code: 'HANDLER_FAILED', errorId: 'e-1' });
    expect(requests.stats).toMatchObject({ answered: 0, failed: 1 });
  });

  it('twice is taken once, and counted as late', async () => {
    const { letter, outcome, requests } = await askQuote();
    letter('i-0', 'reply', { cents: 1 });
    letter('i-0', 'reply', { cents: 2 });
    await nextTurn();
    expect(outcome.value).toEqual({ cents: 1 });
    expect(requests.stats).toEqual({ asked: 1, answered: 1, failed: 0, inFlight: 0, late: 1 });
  });

  it('after the timeout is ignored and counted', async () => {
    const { clock, letter, outcome, requests, transport } = await askQuote();
    await clock.turn(5000);
    letter('i-0', 'reply', { cents: 1 });
    await nextTurn();
    expect(outcome.error).toMatchObject({ code: 'REQUEST_TIMEOUT' });
    expect(requests.stats).toEqual({ asked: 1, answered: 0, failed: 1, inFlight: 0, late: 1 });
    expect(transport.sent).toEqual([]);
  });

  it('for a request that nobody asked is ignored and counted, and whoever streams is told to stop', async () => {
    const { letter, requests, transport } = await askQuote();
    for (const kind of ['reply', 'end'] as const) letter('forged', kind, 1);
    letter('forged', 'error', { code: 'X' });
    expect(transport.sent).toEqual([]);
    letter('forged', 'values', [1], 0);
    expect(requests.stats.late).toBe(4);
    expect(transport.sent).toMatchObject([{ to: RESPONDER_INBOX, kind: 'cancel', request: 'forged' }]);
  });

  it.each<[string, unknown]>([
    ['a detail that is null', { code: 'HANDLER_FAILED', detail: null }],
    ['a detail that is a number', { code: 'HANDLER_FAILED', detail: 7 }],
    ['an errorId that is an object', { code: 'HANDLER_FAILED', errorId: { toString: 1 } }],
    ['a reason that is an object', { code: 'REQUEST_REJECTED', reason: { toString: 1 } }],
    ['a code that every object has', { code: 'constructor' }],
    ['a code that nobody declared', { code: 'NOPE', data: 1 }],
    ['data that do not fit', { code: 'UNKNOWN_SKU', data: 7 }],
    ['no data', { code: 'UNKNOWN_SKU' }],
  ])('ends the request, and throws nothing into the transport, when it is an error with %s', async (_, failure) => {
    const { clock, letter, outcome, pending } = await askQuote();
    expect(() => letter('i-0', 'error', failure)).not.toThrow();
    await clock.turn(5000);
    expect(outcome.error?.code).toMatch(/^(HANDLER_FAILED|REQUEST_REJECTED|REPLY_INVALID|REQUEST_TIMEOUT)$/);
    expect([clock.timers, pending()]).toEqual([0, []]);
  });

  it('may be a stream, of a handler that the contract does not expect: who awaits it is told, and the handler stops', async () => {
    const { letter, outcome, transport, pending } = await askQuote();
    letter('i-0', 'values', [{ cents: 1 }, { cents: 2 }], 0);
    await nextTurn();
    expect(outcome.error).toMatchObject({ code: 'REPLY_INVALID', message: expect.stringContaining('stream: true') });
    expect([transport.said('cancel').length, pending()]).toEqual([1, []]);
  });

  it('has the line of the program in the stack of what goes wrong', async () => {
    const { clock, outcome } = await askQuote();
    await clock.turn(5000);
    expect(outcome.error?.stack).toMatch(/^BelfryError: REQUEST_TIMEOUT: .*\n\s+at .*doubles\.ts/);
  });
});

describe('a middleware', () => {
  it('goes around the request: it may change what travels and what comes back', async () => {
    const louder: Middleware = async (call, next) => {
      if (call.side === 'request') call.data = { sku: 'changed' };
      return { wrapped: await next() };
    };
    const { transport, letter, outcome } = await askQuote({ middleware: [louder] });
    expect(transport.written).toMatchObject([{ data: { sku: 'changed' } }]);
    letter('i-0', 'reply', { cents: 1 });
    await nextTurn();
    expect(outcome.value).toEqual({ wrapped: { cents: 1 } });
  });

  it('may refuse, also a stream', async () => {
    const refusal = new Error('not now');
    const { ask, stream, transport } = startCaller({ middleware: [() => Promise.reject(refusal)] });
    await expect(ask(Quote, input)).rejects.toBe(refusal);
    await expect(stream().next()).rejects.toBe(refusal);
    expect(transport.asks).toBe(0);
  });

  it('that never calls next() does not leave the caller of a stream waiting for ever', async () => {
    const { clock, stream } = startCaller({ middleware: [async () => undefined] });
    const first = watched(stream().next());
    await clock.turn(60_000);
    expect(first.isSettled).toBe(true);
  });
});

describe('a stream that is asked for in the handler of a stream', () => {
  it('has for each value the time that its own caller has by then', async () => {
    const { clock, requests, letter } = startCaller();
    let until = clock.time + 1000;
    const context = {
      correlationId: 'c',
      get deadline() {
        return new Date(until); // moves with each value that the handler yields
      },
    };
    const inContext = <T>(work: () => T): T => runInContext(context, work);
    const values = inContext(() => requests.request(Count, 0, {})) as unknown as AsyncIterator<number>;
    const first = watched(inContext(() => values.next()));
    await clock.turn(900);
    letter('i-0', 'values', [1], 0);
    await nextTurn();
    expect(first.value).toEqual({ done: false, value: 1 });
    until = clock.time + 1000;
    const second = watched(inContext(() => values.next()));
    await clock.turn(500);
    expect(second.error).toBeUndefined();
    letter('i-0', 'values', [2], 1);
    await nextTurn();
    expect(second.value).toEqual({ done: false, value: 2 });
  });
});

describe('the end of a bus', () => {
  it('waits for those who wait, not for streams that nobody takes from', async () => {
    const { requests, letter, ask, stream } = startCaller();
    await requests.idle();
    const values = stream();
    const first = values.next();
    const second = watched(ask(Quote, input));
    await nextTurn();
    const idle = watched(requests.idle());
    letter('i-0', 'values', [1], 0);
    await first;
    expect(idle.isSettled).toBe(false);
    letter('i-1', 'reply', { cents: 1 });
    await nextTurn();
    expect([second.isSettled, idle.isSettled, requests.stats.inFlight]).toEqual([true, true, 1]);
  });

  it('gives everybody who still waits the error, and tells the responders', async () => {
    const { clock, requests, ask, stream, pending, transport } = startCaller();
    const error = errorWith('BUS_CLOSED');
    const outcomes = [watched(ask(Quote, input)), watched(stream().next()), watched(ask(Quote, input))];
    await nextTurn();
    requests.abandon(error);
    await nextTurn();
    expect(outcomes.map((outcome) => outcome.error)).toEqual([error, error, error]);
    expect(transport.sent.map(({ kind, request }) => [kind, request])).toEqual([
      ['cancel', 'i-0'],
      ['cancel', 'i-1'],
      ['cancel', 'i-2'],
    ]);
    expect([clock.timers, pending(), requests.stats]).toMatchObject([0, [], { asked: 3, failed: 3, inFlight: 0 }]);
  });
});

it('ends what waits for an instance that has been gone for 10 s', async () => {
  const transport = new ScriptedTransport();
  let begin = () => {};
  const caller = startCaller({ onBegin: () => begin() });
  const presence = new Presence({ transport, watched: () => caller.requests.pending, clock: caller.clock });
  begin = () => presence.watch();
  transport.onListening = async () => new Set();
  const outcome = watched(caller.ask(Quote, input, { timeout: '1m' }));
  await caller.clock.turn(9999);
  expect(outcome.isSettled).toBe(false);
  await caller.clock.turn(1);
  expect(outcome.error).toMatchObject({ code: 'REPLY_LOST' });
  expect(transport.questions).toHaveLength(10);
  await caller.clock.turn(1000);
  expect([caller.clock.timers, caller.pending()]).toEqual([0, []]);
});
