import { defineRequest } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Count, nextTurn, RESPONDER_INBOX, startCaller, watched } from '../test/doubles.js';
import { FIRST_CREDIT } from './letter.js';

const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n);
const DONE = { done: true, value: undefined };

/** A stream whose first value is wanted, and that has been asked for. */
async function begun(options: object = {}) {
  const caller = startCaller();
  const stream = caller.stream(0, options);
  const first = watched(stream.next());
  await nextTurn();
  const values = (from: number, count: number): void => caller.letter('i-0', 'values', numbers(from, count), from);
  const take = async (count: number): Promise<unknown[]> => {
    const taken: unknown[] = [];
    for (let n = 0; n < count; n++) taken.push((await stream.next()).value);
    return taken;
  };
  return { ...caller, stream, first, values, take };
}

describe('a stream', () => {
  it('asks nobody before its first value is wanted, and then once', async () => {
    const { transport, requests, stream } = startCaller();
    const values = stream(7);
    await nextTurn();
    expect([transport.asks, requests.stats.asked]).toEqual([0, 0]);
    watched(values.next());
    watched(values.next());
    await nextTurn();
    expect(transport.written).toMatchObject([{ data: 7 }]);
  });

  it('gives the values in order, to those who wait in order, and then its end, for ever', async () => {
    const { stream, first, values, letter, requests, clock, pending } = await begun();
    const [second, third, fourth] = [stream.next(), stream.next(), stream.next()];
    values(0, 2);
    values(2, 1);
    letter('i-0', 'end', undefined, 3);
    await nextTurn();
    expect(first.value).toEqual({ done: false, value: 0 });
    await expect(Promise.all([second, third, fourth])).resolves.toEqual([
      { done: false, value: 1 },
      { done: false, value: 2 },
      DONE,
    ]);
    await expect(stream.next()).resolves.toEqual(DONE);
    expect(requests.stats).toEqual({ asked: 1, answered: 1, failed: 0, inFlight: 0, late: 0 });
    expect([clock.timers, pending()]).toEqual([0, []]);
  });

  it('may be empty', async () => {
    const { first, letter } = await begun();
    letter('i-0', 'end', undefined, 0);
    await nextTurn();
    expect(first.value).toEqual(DONE);
  });

  it('of one value is what a handler gives that is no generator', async () => {
    const { first, stream, letter } = await begun();
    letter('i-0', 'reply', 7);
    await nextTurn();
    expect(first.value).toEqual({ done: false, value: 7 });
    await expect(stream.next()).resolves.toEqual(DONE);
  });

  it("gives the output of the contract's schema, also of an asynchronous one", async () => {
    const { requests, letter } = startCaller();
    const output = z.string().transform(async (text) => {
      await nextTurn();
      return text.length;
    });
    const Slow = defineRequest('a.b', { input: z.null(), output, stream: true });
    const stream = requests.request(Slow, null, {}) as unknown as AsyncIterator<number>;
    const results = [stream.next(), stream.next()];
    await nextTurn();
    letter('i-0', 'values', ['a', 'four'], 0);
    await expect(Promise.all(results)).resolves.toMatchObject([{ value: 1 }, { value: 4 }]);
  });

  it('that gives a value that does not fit ends there, and the responder is told', async () => {
    const { stream, first, letter, transport, clock, pending, requests } = await begun();
    letter('i-0', 'values', [0, 'secret', 2], 0);
    await nextTurn();
    expect(first.value).toEqual({ done: false, value: 0 });
    const second = await stream.next().catch((error: unknown) => error);
    expect(second).toMatchObject({ code: 'REPLY_INVALID' });
    expect((second as Error).message).not.toContain('secret');
    await expect(stream.next()).resolves.toEqual(DONE);
    expect(transport.sent).toMatchObject([{ to: RESPONDER_INBOX, kind: 'cancel', request: 'i-0' }]);
    expect([clock.timers, pending(), requests.stats.failed]).toEqual([0, [], 1]);
  });
});

describe('the time of a stream', () => {
  it('runs while a value is wanted, for each anew, and not while none is', async () => {
    const { clock, first, stream, values } = await begun({ timeout: 1000 });
    await clock.turn(900);
    values(0, 1);
    await nextTurn();
    expect([first.isSettled, clock.timers]).toEqual([true, 0]);
    await clock.turn(1_000_000);
    const second = watched(stream.next());
    await clock.turn(999);
    expect(second.isSettled).toBe(false);
    values(1, 1);
    await nextTurn();
    expect(second.value).toEqual({ done: false, value: 1 });
  });

  it('ends it when it is over, and the responder is told', async () => {
    const { clock, stream, first, values, transport, pending } = await begun({ timeout: 1000 });
    values(0, 1);
    await nextTurn();
    expect(first.isSettled).toBe(true);
    const second = watched(stream.next());
    await clock.turn(1000);
    expect(second.error).toMatchObject({ code: 'REQUEST_TIMEOUT', message: expect.stringContaining('next value') });
    await expect(stream.next()).resolves.toEqual(DONE);
    expect(transport.sent).toMatchObject([{ kind: 'cancel', request: 'i-0' }]);
    expect([clock.timers, pending()]).toEqual([0, []]);
  });
});

describe('credit', () => {
  it('is given each time that 64 values were taken, not when they came', async () => {
    const { values, take, transport } = await begun();
    values(0, 128);
    await nextTurn();
    expect(transport.said('credit')).toEqual([]);
    await take(62); // and the first, which was wanted before
    expect(transport.said('credit')).toEqual([]);
    await take(1);
    expect(transport.said('credit')).toEqual([64 + FIRST_CREDIT]);
    await take(64);
    expect(transport.said('credit')).toEqual([64 + FIRST_CREDIT, 128 + FIRST_CREDIT]);
    expect(transport.sent).toMatchObject([{ to: RESPONDER_INBOX, request: 'i-0' }, {}]);
  });

  it('is given before, when what was taken is large', async () => {
    const { requests, letter, transport } = startCaller();
    const Large = defineRequest('a.b', { input: z.null(), output: z.string(), stream: true });
    const stream = requests.request(Large, null, {}) as unknown as AsyncIterator<string>;
    const first = stream.next();
    await nextTurn();
    letter('i-0', 'values', ['x'.repeat(150_000)], 0);
    await first;
    expect(transport.said('credit')).toEqual([]);
    letter('i-0', 'values', ['x'.repeat(60_000), 'x'.repeat(60_000)], 1);
    await stream.next();
    expect(transport.said('credit')).toEqual([]);
    await stream.next();
    expect(transport.said('credit')).toEqual([3 + FIRST_CREDIT]);
  });

  it('is said again when the responder asks whether anybody is there', async () => {
    const { values, take, letter, transport } = await begun();
    values(0, 100);
    await take(9);
    letter('i-0', 'values', [], 100);
    expect(transport.said('credit')).toEqual([10 + FIRST_CREDIT]);
    letter('i-0', 'values', [], 100);
    expect(transport.said('credit')).toEqual([10 + FIRST_CREDIT, 10 + FIRST_CREDIT]);
    await expect(take(90)).resolves.toEqual(numbers(10, 90));
  });

  it('is not given for a stream that has ended', async () => {
    const { values, take, letter, transport } = await begun();
    values(0, 128);
    letter('i-0', 'end', undefined, 128);
    await expect(take(127)).resolves.toEqual(numbers(1, 127));
    expect(transport.sent).toEqual([]);
  });
});

describe('a letter of a stream', () => {
  it('that comes twice is taken once', async () => {
    const { stream, values, letter, take, requests } = await begun();
    values(0, 3);
    values(0, 3);
    values(1, 1);
    values(1, 4); // its first two are known
    letter('i-0', 'end', undefined, 5);
    await expect(take(4)).resolves.toEqual([1, 2, 3, 4]);
    await expect(stream.next()).resolves.toEqual(DONE);
    letter('i-0', 'end', undefined, 5);
    expect(requests.stats.late).toBe(1);
  });

  it.each<[string, (caller: Awaited<ReturnType<typeof begun>>) => void]>([
    ['before some values', ({ values }) => values(3, 2)],
    ['before the end', ({ letter }) => letter('i-0', 'end', undefined, 3)],
    ['before an error', ({ letter }) => letter('i-0', 'error', { code: 'HANDLER_FAILED' }, 3)],
    ['before a question whether anybody is there', ({ letter }) => letter('i-0', 'values', [], 3)],
  ])('that was lost %s ends the stream after what came before, and the responder is told', async (_, next) => {
    const caller = await begun();
    const { stream, values, take, transport, clock, pending, requests } = caller;
    values(0, 2);
    next(caller);
    await expect(take(1)).resolves.toEqual([1]);
    await expect(stream.next()).rejects.toMatchObject({ code: 'REPLY_LOST', message: expect.stringContaining('2') });
    await expect(stream.next()).resolves.toEqual(DONE);
    expect(transport.sent).toMatchObject([{ to: RESPONDER_INBOX, kind: 'cancel', request: 'i-0' }]);
    expect([clock.timers, pending(), requests.stats.failed]).toEqual([0, [], 1]);
  });

  it('that says an error is told once, after the values before it', async () => {
    const { stream, first, values, letter, requests, transport, pending } = await begun();
    values(0, 2);
    letter('i-0', 'error', { code: 'TOO_MANY', data: { most: 2 } }, 2);
    await nextTurn();
    expect(first.value).toEqual({ done: false, value: 0 });
    await expect(stream.next()).resolves.toEqual({ done: false, value: 1 });
    const error: unknown = await stream.next().catch((thrown: unknown) => thrown);
    expect(Count.isError(error, 'TOO_MANY') && error.data).toEqual({ most: 2 });
    await expect(stream.next()).resolves.toEqual(DONE);
    expect([requests.stats.answered, transport.sent, pending()]).toEqual([1, [], []]);
  });

  it('that says an error is told to the first who waits; the others are at the end', async () => {
    const { stream, first, letter } = await begun();
    const [second, third] = [watched(stream.next()), watched(stream.next())];
    letter('i-0', 'error', { code: 'HANDLER_FAILED', errorId: 'e' }, 0);
    await nextTurn();
    expect(first.error).toMatchObject({ code: 'HANDLER_FAILED', errorId: 'e' });
    expect([second.value, third.value]).toEqual([DONE, DONE]);
  });

  it('that brings more than there is credit for ends the stream: the buffer is bounded, whoever writes', async () => {
    const { values, transport, pending } = await begun();
    for (let n = 0; n < 100; n++) values(n * 100, 100);
    expect(transport.said('cancel').length).toBeGreaterThan(0);
    expect(pending()).toEqual([]);
  });
});

describe('leaving a stream', () => {
  it('tells the responder, once, and counts as answered', async () => {
    const { stream, values, transport, requests, clock, pending } = await begun();
    values(0, 10);
    for await (const value of stream) if (value === 5) break;
    await stream.return?.();
    await expect(stream.next()).resolves.toEqual(DONE);
    expect(transport.sent).toMatchObject([{ to: RESPONDER_INBOX, kind: 'cancel', request: 'i-0' }]);
    expect(requests.stats).toMatchObject({ answered: 1, failed: 0, inFlight: 0 });
    expect([clock.timers, pending()]).toEqual([0, []]);
  });

  it('while values are waited for ends the waiting', async () => {
    const { stream, first, transport, clock } = await begun();
    const second = watched(stream.next());
    await expect(stream.return?.()).resolves.toEqual(DONE);
    await nextTurn();
    expect([first.value, second.value]).toEqual([DONE, DONE]);
    expect(transport.said('cancel')).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('happens when it is disposed of', async () => {
    const { stream, transport } = await begun();
    await (stream as unknown as AsyncDisposable)[Symbol.asyncDispose]();
    expect(transport.said('cancel')).toHaveLength(1);
  });

  it('before anything was asked asks nothing', async () => {
    const { stream, transport, requests } = startCaller();
    const values = stream();
    await values.return?.();
    await expect(values.next()).resolves.toEqual(DONE);
    await nextTurn();
    expect([transport.asks, requests.stats.asked]).toEqual([0, 0]);
  });

  it('before it was asked, in a middleware, asks nothing', async () => {
    let go = () => {};
    const held = new Promise<void>((resolve) => (go = resolve));
    const { stream, transport, requests, clock } = startCaller({ middleware: [(_, next) => held.then(next)] });
    const values = stream();
    const first = watched(values.next());
    await values.return?.();
    go();
    await nextTurn();
    expect(first.value).toEqual(DONE);
    expect([transport.asks, transport.sent, requests.stats.inFlight, clock.timers]).toEqual([0, [], 0, 0]);
  });

  it('after its end tells nobody', async () => {
    const { stream, letter, transport } = await begun();
    letter('i-0', 'end', undefined, 0);
    await stream.return?.();
    expect(transport.sent).toEqual([]);
  });

  it('does not tell the error that nobody took any more', async () => {
    const { stream, values, letter } = await begun();
    values(0, 2);
    letter('i-0', 'error', { code: 'HANDLER_FAILED' }, 2);
    await stream.return?.();
    await expect(stream.next()).resolves.toEqual(DONE);
  });
});

describe('an abort of a stream', () => {
  it('ends it at once: what came and was not taken is not given any more', async () => {
    const abort = new AbortController();
    const { stream, values, transport, clock, pending } = await begun({ signal: abort.signal });
    values(0, 10);
    abort.abort();
    await expect(stream.next()).rejects.toMatchObject({ code: 'REQUEST_ABORTED' });
    await expect(stream.next()).resolves.toEqual(DONE);
    expect(transport.sent).toMatchObject([{ kind: 'cancel', request: 'i-0' }]);
    expect([clock.timers, pending()]).toEqual([0, []]);
  });

  it('is heard while nobody waits for a value', async () => {
    const abort = new AbortController();
    const { values, transport, pending } = await begun({ signal: abort.signal });
    values(0, 1);
    await nextTurn();
    abort.abort();
    expect([transport.said('cancel').length, pending()]).toEqual([1, []]);
  });
});

it('ends, after what it gave, when the instance that streams has gone', async () => {
  const { stream, values, pending, clock } = await begun();
  values(0, 2);
  pending()[0]?.lost();
  await expect(stream.next()).resolves.toEqual({ done: false, value: 1 });
  await expect(stream.next()).rejects.toMatchObject({ code: 'REPLY_LOST' });
  expect(clock.timers).toBe(0);
});
