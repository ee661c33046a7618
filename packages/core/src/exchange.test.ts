import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { errorWith, nextTurn, Quote, RESPONDER, RESPONDER_INBOX, startCaller, watched } from '../test/doubles.js';
import { letterEncoder } from './letter.js';
import type { OutgoingRequest } from './transport.js';

const input = { sku: 'x' };
const answer = { cents: 7 };
const never = () => new Promise<never>(() => {});

/** One request, asked in a caller whose transport does as the test says. */
function asked(prepare: (caller: ReturnType<typeof startCaller>) => void = () => {}, options: object = {}) {
  const caller = startCaller();
  prepare(caller);
  return { ...caller, outcome: watched(caller.ask(Quote, input, options)) };
}

/** Nothing is left of it: no timer, no entry. */
function expectNothingLeft({ clock, pending }: ReturnType<typeof startCaller>): void {
  expect([clock.timers, pending()]).toEqual([0, []]);
}

describe('a request that nobody responds to', () => {
  const nobody = async (request: OutgoingRequest) => void request.encode();

  it('ends at once', async () => {
    const caller = asked(({ transport }) => {
      transport.onAsk = nobody;
    });
    await caller.clock.turn(0);
    expect(caller.outcome.error).toMatchObject({
      code: 'NO_RESPONDERS',
      message: expect.stringContaining('pricing.quote'),
    });
    expect(caller.transport.asks).toBe(1);
    expectNothingLeft(caller);
  });

  it('ends at once, too, when the transport sees that nobody is there before it encodes anything', async () => {
    const caller = asked(({ transport }) => {
      transport.onAsk = async () => undefined;
    });
    await caller.clock.turn(0);
    expect(caller.outcome.error).toMatchObject({ code: 'NO_RESPONDERS' });
    expectNothingLeft(caller);
  });

  it('is asked every 100 ms until 2 s after the own connection came back, and then ends', async () => {
    const caller = asked(({ transport, clock }) => {
      transport.onAsk = nobody;
      transport.resumedAt = clock.time - 1000;
    });
    await caller.clock.turn(99);
    expect(caller.transport.asks).toBe(1);
    await caller.clock.turn(900);
    expect([caller.transport.asks, caller.outcome.isSettled]).toEqual([10, false]);
    await caller.clock.turn(1);
    expect(caller.outcome.error).toMatchObject({ code: 'NO_RESPONDERS' });
    expect(caller.transport.asks).toBe(11);
    expectNothingLeft(caller);
  });

  it('is answered when a responder comes back in time', async () => {
    const caller = asked(({ transport, clock }) => {
      transport.onAsk = nobody;
      transport.resumedAt = clock.time;
    });
    await caller.clock.turn(450);
    caller.transport.onAsk = async (request) => caller.transport.write(request);
    await caller.clock.turn(100);
    expect([caller.transport.asks, caller.transport.written.length]).toEqual([6, 1]);
    caller.letter('i-0', 'reply', answer);
    await caller.clock.turn(0);
    expect(caller.outcome.value).toEqual(answer);
    expectNothingLeft(caller);
  });

  it('is not asked again when it was aborted meanwhile', async () => {
    const abort = new AbortController();
    const caller = asked(
      ({ transport, clock }) => {
        transport.onAsk = nobody;
        transport.resumedAt = clock.time;
      },
      { signal: abort.signal },
    );
    await caller.clock.turn(150);
    abort.abort();
    await caller.clock.turn(2000);
    expect(caller.outcome.error).toMatchObject({ code: 'REQUEST_ABORTED' });
    expect(caller.transport.asks).toBe(2);
    expectNothingLeft(caller);
  });
});

it('has had no answer when only a stranger has written', async () => {
  const caller = startCaller();
  const first = watched(caller.stream(0, { timeout: 1000 }).next());
  await caller.clock.turn(0);
  caller.deliver(letterEncoder('/stranger/0000000000000bad', () => 'l')('values', 'i-0', '[7]', 0));
  await caller.clock.turn(1000);
  expect(first.error).toMatchObject({
    code: 'REQUEST_TIMEOUT',
    message: expect.stringContaining('the first value of numbers.count'),
  });
  expectNothingLeft(caller);
});

it('is not asked again when an answer has begun, although the broker counted nobody', async () => {
  // On a Cluster, after a failover, everyone briefly counts 0.
  const caller = startCaller();
  caller.transport.resumedAt = caller.clock.time;
  caller.transport.onAsk = async (request) => void caller.transport.write(request);
  const stream = caller.stream();
  const first = watched(stream.next());
  await nextTurn();
  caller.letter('i-0', 'values', [1], 0);
  await caller.clock.turn(500);
  expect(first.value).toEqual({ done: false, value: 1 });
  expect(caller.transport.asks).toBe(1);
});

describe('what the broker does not confirm', () => {
  const unconfirmed = async (request: OutgoingRequest): Promise<never> => {
    request.encode();
    throw errorWith('PUBLISH_UNCONFIRMED');
  };

  it('may be answered still: it is waited for, and not asked again', async () => {
    const caller = asked(({ transport }) => {
      transport.onAsk = unconfirmed;
    });
    await caller.clock.turn(4000);
    expect(caller.outcome.isSettled).toBe(false);
    caller.letter('i-0', 'reply', answer);
    await nextTurn();
    expect(caller.outcome.value).toEqual(answer);
    expect(caller.transport.asks).toBe(1);
    expectNothingLeft(caller);
  });

  it('ends with the timeout, which says that it may have been handled', async () => {
    const caller = asked(({ transport }) => {
      transport.onAsk = unconfirmed;
    });
    await caller.clock.turn(4999);
    expect(caller.outcome.isSettled).toBe(false);
    await caller.clock.turn(1);
    expect(caller.outcome.error).toMatchObject({
      code: 'REQUEST_TIMEOUT',
      message: expect.stringContaining('It may have been handled'),
    });
    expectNothingLeft(caller);
  });

  it.each(['TRANSPORT_UNAVAILABLE', 'PUBLISH_REFUSED'] as const)('is not what %s says: that ends it', async (code) => {
    const caller = asked(({ transport }) => {
      transport.onAsk = () => Promise.reject(errorWith(code));
    });
    await nextTurn();
    expect(caller.outcome.error).toMatchObject({ code });
    expectNothingLeft(caller);
  });
});

describe('the time', () => {
  it('that is left when it is written travels, and nothing is written when none is', async () => {
    let request: OutgoingRequest | undefined;
    const caller = asked(
      ({ transport }) => {
        transport.onAsk = (outgoing) => {
          request = outgoing;
          return never();
        };
      },
      { timeout: 1000 },
    );
    await caller.clock.turn(300);
    const left = () => JSON.parse(request?.encode() ?? 'null')?.timeoutms;
    expect(left()).toBe(700);
    caller.clock.time += 0.5;
    expect(left()).toBe(699); // never more than there is
    caller.clock.time += 699.5;
    expect(left()).toBeUndefined();
    await caller.clock.turn(1000);
    expect(left()).toBeUndefined();
  });

  it('names the contract, the time and the instance that was asked when it is over', async () => {
    const caller = asked(() => {}, { timeout: '250ms' });
    await caller.clock.turn(250);
    expect(caller.outcome.error).toMatchObject({ code: 'REQUEST_TIMEOUT' });
    for (const word of ['pricing.quote', '250 ms', RESPONDER.slice(1)])
      expect(caller.outcome.error?.message).toContain(word);
    expect(caller.transport.sent).toEqual([]); // the handler knows its deadline
    expectNothingLeft(caller);
  });

  it('over before it was written says that it was not sent', async () => {
    const caller = asked(({ transport }) => {
      transport.onAsk = never;
    });
    await caller.clock.turn(5000);
    expect(caller.outcome.error).toMatchObject({
      code: 'TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining('was not handled'),
    });
    expectNothingLeft(caller);
  });

  it('over before it was written says so too when the writing comes just before the timer', async () => {
    const caller = asked(({ transport, clock }) => {
      transport.onAsk = async (request) => {
        clock.time += 5000; // the event loop was busy: the timer is late
        return transport.write(request);
      };
    });
    await nextTurn();
    await caller.clock.turn(0);
    expect(caller.outcome.error).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    expectNothingLeft(caller);
  });

  it('over while nobody was found again and again says that nobody responds', async () => {
    const caller = asked(
      ({ transport, clock }) => {
        transport.onAsk = async (request) => void request.encode();
        transport.resumedAt = clock.time;
      },
      { timeout: 1000 },
    );
    await caller.clock.turn(1000);
    expect(caller.outcome.error).toMatchObject({ code: 'NO_RESPONDERS' });
    await caller.clock.turn(100);
    expectNothingLeft(caller);
  });

  it('runs while the inbox is being opened', async () => {
    const caller = asked(({ transport }) => {
      transport.onSubscribe = never;
    });
    await caller.clock.turn(5000);
    expect(caller.outcome.error).toMatchObject({ code: 'TRANSPORT_UNAVAILABLE' });
    expect(caller.transport.asks).toBe(0);
    expectNothingLeft(caller);
  });
});

describe('the inbox', () => {
  it('is open before anything is asked', async () => {
    let open = () => {};
    const caller = asked(({ transport }) => {
      transport.onSubscribe = () => new Promise<void>((resolve) => (open = resolve));
    });
    await nextTurn();
    expect(caller.transport.asks).toBe(0);
    open();
    await nextTurn();
    expect(caller.transport.asks).toBe(1);
  });

  it('that cannot be opened ends the request with the reason, and the next one tries again', async () => {
    const caller = asked(({ transport }) => {
      transport.onSubscribe = () => Promise.reject(errorWith('SUBSCRIBE_REFUSED'));
    });
    await nextTurn();
    expect(caller.outcome.error).toMatchObject({ code: 'SUBSCRIBE_REFUSED' });
    expectNothingLeft(caller);
    caller.transport.onSubscribe = async () => {};
    const next = watched(caller.ask(Quote, input));
    await nextTurn();
    caller.letter('i-1', 'reply', answer);
    await nextTurn();
    expect(next.value).toEqual(answer);
  });
});

describe('an abort', () => {
  it('ends the request with the reason, and the responder is told once', async () => {
    const abort = new AbortController();
    const caller = asked(() => {}, { signal: abort.signal });
    await nextTurn();
    const reason = new Error('the user has gone');
    abort.abort(reason);
    await nextTurn();
    expect(caller.outcome.error).toMatchObject({ code: 'REQUEST_ABORTED', cause: reason });
    expect(caller.transport.sent).toMatchObject([{ to: RESPONDER_INBOX, kind: 'cancel', request: 'i-0' }]);
    await caller.clock.turn(10_000);
    expect(caller.transport.sent).toHaveLength(1);
    expectNothingLeft(caller);
  });

  it('before it is known who was asked is told to the responder once that is known', async () => {
    const abort = new AbortController();
    let tellWho: (who: string) => void = () => {};
    const caller = asked(
      ({ transport }) => {
        transport.onAsk = (request) => {
          request.encode();
          return new Promise((resolve) => (tellWho = resolve));
        };
      },
      { signal: abort.signal },
    );
    await nextTurn();
    abort.abort();
    await nextTurn();
    expect(caller.outcome.error).toMatchObject({ code: 'REQUEST_ABORTED' });
    expect(caller.transport.sent).toEqual([]);
    tellWho(RESPONDER.slice(1));
    await nextTurn();
    expect(caller.transport.sent).toMatchObject([{ to: RESPONDER_INBOX, kind: 'cancel', request: 'i-0' }]);
    expectNothingLeft(caller);
  });

  it('before it is written keeps it from being sent, and nobody is told', async () => {
    const abort = new AbortController();
    let flush = () => {};
    const caller = asked(
      ({ transport }) => {
        transport.onAsk = (request) =>
          new Promise((resolve) => {
            flush = () => resolve(transport.write(request));
          });
      },
      { signal: abort.signal },
    );
    await nextTurn();
    abort.abort();
    flush();
    await nextTurn();
    expect(caller.outcome.error).toMatchObject({ code: 'REQUEST_ABORTED' });
    expect([caller.transport.written, caller.transport.sent]).toEqual([[], []]);
    expectNothingLeft(caller);
  });

  it('that came before the request asks nobody', async () => {
    const caller = asked(() => {}, { signal: AbortSignal.abort(new Error('long ago')) });
    await nextTurn();
    expect(caller.outcome.error).toMatchObject({ code: 'REQUEST_ABORTED', cause: { message: 'long ago' } });
    expect([caller.transport.asks, caller.transport.sent]).toEqual([0, []]);
    expectNothingLeft(caller);
  });

  it('after the answer does nothing', async () => {
    const abort = new AbortController();
    const caller = asked(() => {}, { signal: abort.signal });
    await nextTurn();
    caller.letter('i-0', 'reply', answer);
    abort.abort();
    await nextTurn();
    expect(caller.outcome.value).toEqual(answer);
    expect(caller.transport.sent).toEqual([]);
  });

  it('is told to the responder once, also when a value came before it was known who was asked', async () => {
    let tellWho: (who: string) => void = () => {};
    const caller = startCaller();
    caller.transport.onAsk = (request) => {
      request.encode();
      return new Promise((resolve) => (tellWho = resolve));
    };
    const stream = caller.stream();
    const first = stream.next();
    await nextTurn();
    caller.letter('i-0', 'values', [1, 2], 0);
    await first;
    await stream.return?.();
    await nextTurn();
    tellWho(RESPONDER.slice(1));
    await nextTurn();
    expect(caller.transport.sent.map(({ kind }) => kind)).toEqual(['cancel']);
  });
});

describe('the listener on the abort signal', () => {
  const endings: Record<string, (caller: ReturnType<typeof startCaller>, abort: AbortController) => unknown> = {
    'an answer': ({ letter }) => letter('i-0', 'reply', answer),
    'an answer that does not fit': ({ letter }) => letter('i-0', 'reply', 'nonsense'),
    'a declared error': ({ letter }) => letter('i-0', 'error', { code: 'SOLD_OUT' }),
    'an error': ({ letter }) => letter('i-0', 'error', { code: 'HANDLER_FAILED', errorId: 'e' }),
    'the timeout': ({ clock }) => clock.turn(5000),
    'an abort': (_, abort) => abort.abort(),
    'the loss of the responder': ({ pending }) => pending()[0]?.lost(),
    'the end of the bus': ({ requests }) => requests.abandon(errorWith('BUS_CLOSED')),
  };

  it.each(Object.keys(endings))('is gone, with the timer and the entry, after %s', async (ending) => {
    const caller = startCaller();
    const abort = new AbortController();
    const removed = vi.spyOn(abort.signal, 'removeEventListener');
    const outcome = watched(caller.ask(Quote, input, { signal: abort.signal }));
    await nextTurn();
    expect([getEventListeners(abort.signal, 'abort').length, caller.clock.timers]).toEqual([1, 1]);
    await endings[ending]?.(caller, abort);
    await nextTurn();
    expect(outcome.isSettled).toBe(true);
    expect(removed).toHaveBeenCalled();
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    const { asked, answered, failed, inFlight } = caller.requests.stats;
    expect([asked, answered + failed, inFlight]).toEqual([1, 1, 0]);
    expectNothingLeft(caller);
  });

  it('makes no warning when a thousand requests share one signal', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => void warnings.push(warning);
    process.on('warning', note);
    const caller = startCaller();
    const abort = new AbortController();
    const outcomes = Array.from({ length: 1000 }, () => watched(caller.ask(Quote, input, { signal: abort.signal })));
    await nextTurn();
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
    abort.abort();
    await nextTurn();
    await nextTurn(); // warnings come in a turn of their own
    process.off('warning', note);
    expect(outcomes.filter(({ error }) => error?.code === 'REQUEST_ABORTED')).toHaveLength(1000);
    expect(caller.transport.said('cancel')).toHaveLength(1000);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    expect(warnings).toEqual([]);
    expectNothingLeft(caller);
  });
});

describe('the instance that was asked', () => {
  it('is watched once it is known, patiently: it may have been interrupted itself', async () => {
    const caller = asked();
    expect(caller.pending()[0]?.peer).toBeUndefined();
    await nextTurn();
    expect(caller.pending()[0]).toMatchObject({ peer: RESPONDER_INBOX, patience: 10, misses: 0 });
  });

  it('ends the request when it has gone', async () => {
    const caller = asked();
    await nextTurn();
    caller.pending()[0]?.lost();
    await nextTurn();
    expect(caller.outcome.error).toMatchObject({
      code: 'REPLY_LOST',
      message: expect.stringContaining(RESPONDER.slice(1)),
    });
    expectNothingLeft(caller);
  });
});
