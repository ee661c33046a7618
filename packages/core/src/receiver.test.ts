import { type AnyContract, defineChannel, defineEvent } from '@belfry/contracts';
import { type } from 'arktype';
import * as v from 'valibot';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { currentContext, type Logger, type MessageContext, type Middleware, runInContext } from './index.js';
import { handlersTurn, TurnedClock } from '../test/doubles.js';
import { Receiver, type ReceiverOptions } from './receiver.js';

// What handlers may use of a turn of the event loop has been used up by the tests before, where none of them waits.
beforeEach(handlersTurn);

interface Handled {
  readonly data: unknown;
  readonly context: MessageContext;
}

interface LogFields {
  readonly places?: unknown;
  readonly rejected?: unknown;
  readonly dropped?: unknown;
}

const turn = () => new Promise(setImmediate);

/** A receiver on `shop:<channel>`, what its handler got, what it logged, and a clock turned by hand. */
function receive(contracts: readonly AnyContract[] | string, options: Partial<ReceiverOptions> = {}) {
  const handled: Handled[] = [];
  const lines: { level: string; fields: LogFields; message: string }[] = [];
  const clock = new TurnedClock();
  const line = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...fields }, message });
  const logger: Logger = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
  let ids = 0;
  const channelOf = ({ kind, channel }: AnyContract) => (kind === 'channel' ? channel : `shop:${channel}`);
  const receiver = new Receiver({
    title: typeof contracts === 'string' ? contracts : contracts.map(({ channel }) => channel).join(', '),
    contracts: new Map(
      typeof contracts === 'string' ? [] : contracts.map((contract) => [channelOf(contract), contract]),
    ),
    pattern: typeof contracts === 'string' ? `shop:${contracts}` : undefined,
    group: 'billing',
    handler: (data, context) => void handled.push({ data, context }),
    middleware: [],
    concurrency: 16,
    maxQueuedMessages: 100,
    maxQueuedBytes: 100_000,
    maxMessageBytes: 1000,
    validate: true,
    signal: new AbortController().signal,
    nextId: () => `i-${ids++}`,
    logger,
    clock,
    ...options,
  });
  const settled = () => {
    const { received, handled, failed, rejected, dropped, abandoned, queued, inFlight } = receiver.stats;
    const sum = Object.values(rejected).reduce((one, other) => one + other);
    expect(handled + failed + sum + dropped + abandoned + queued + inFlight).toBe(received);
    return receiver.stats;
  };
  const deliver = (body: string, channel: string) => receiver.deliver(body, { channel });
  return { receiver, deliver, handled, lines, clock, stats: settled };
}

let messages = 0;
const envelope = (attributes: object = {}): string =>
  JSON.stringify({
    specversion: '1.0',
    id: `m-${messages++}`,
    source: '/orders/i',
    type: 'orders.placed',
    ...attributes,
  });

const Placed = defineEvent('orders.placed', { schema: z.object({ id: z.string() }) });
const placed = (id: string, attributes: object = {}) => envelope({ data: { id }, ...attributes });
const channel = 'shop:orders.placed';

describe('a good message', () => {
  it.each([
    ['zod', z.object({ id: z.string().transform((text) => text.length) })],
    [
      'valibot',
      v.object({
        id: v.pipe(
          v.string(),
          v.transform((text) => text.length),
        ),
      }),
    ],
    ['arktype', type({ id: type('string').pipe((text) => text.length) })],
  ])("reaches the handler at once, with the schema's output (%s)", (_, schema) => {
    const { deliver, handled, stats } = receive([defineEvent('orders.placed', { schema })]);
    deliver(placed('four'), channel);
    expect(handled[0]?.data).toEqual({ id: 4 });
    expect(handled[0]?.context.data).toBe(handled[0]?.data);
    expect(stats()).toMatchObject({ received: 1, handled: 1, queued: 0, inFlight: 0 });
  });

  it('comes with everything that its envelope says', () => {
    const signal = new AbortController().signal;
    const { deliver, handled } = receive([defineEvent('orders.placed', { schema: z.number(), version: 2 })], {
      signal,
    });
    const attributes = {
      id: 'm-1',
      dataversion: '2',
      time: '2026-01-02T03:04:05.678Z',
      partitionkey: 'k',
      correlationid: 'c',
      causationid: 'p',
      traceparent: '00-1',
      tracestate: 'x=1',
      tenant: 'eu',
      data: 7,
    };
    deliver(envelope(attributes), 'shop:orders.placed.v2');
    expect(handled[0]?.context).toMatchObject({
      type: 'orders.placed',
      data: 7,
      version: 2,
      messageId: 'm-1',
      source: '/orders/i',
      time: new Date('2026-01-02T03:04:05.678Z'),
      group: 'billing',
      key: 'k',
      correlationId: 'c',
      causationId: 'p',
      traceparent: '00-1',
      tracestate: 'x=1',
      extensions: { tenant: 'eu' },
      channel: 'shop:orders.placed.v2',
      attempt: 1,
      commit: expect.any(Function),
      signal,
    });
  });

  it('begins a flow of its own, now, when its envelope does not say', () => {
    const { deliver, handled, clock } = receive([Placed]);
    deliver(placed('a', { id: 'm-1' }), channel);
    deliver(placed('b', { time: 'yesterday' }), channel);
    expect(handled[0]?.context).toMatchObject({
      correlationId: 'm-1',
      causationId: undefined,
      version: 1,
      extensions: {},
    });
    for (const { context } of handled) expect(context.time).toEqual(new Date(clock.time));
  });

  it('goes to the handler by the contract of its channel', () => {
    const Paid = defineEvent('orders.paid', { schema: z.number() });
    const { deliver, handled } = receive([Placed, Paid]);
    deliver(envelope({ type: 'orders.paid', data: 7 }), 'shop:orders.paid');
    deliver(placed('a'), channel);
    expect(handled.map(({ data, context }) => [context.type, data])).toEqual([
      ['orders.paid', 7],
      ['orders.placed', { id: 'a' }],
    ]);
  });

  it('is handed over unchecked when checking is switched off', () => {
    const { deliver, handled } = receive([Placed], { validate: false });
    deliver(envelope({ data: 7 }), channel);
    expect(handled[0]?.data).toBe(7);
  });

  it('is waited for when its schema is asynchronous', async () => {
    const schema = z.string().refine(async (text) => text !== 'bad');
    const { receiver, deliver, handled, stats } = receive([defineEvent('orders.placed', { schema })]);
    for (const data of ['good', 'bad']) deliver(envelope({ data }), channel);
    expect(stats()).toMatchObject({ inFlight: 2 });
    await receiver.idle();
    expect(handled.map(({ data }) => data)).toEqual(['good']);
    expect(stats()).toMatchObject({ handled: 1, rejected: { invalid: 1 }, inFlight: 0 });
  });

  it('is handled in the flow that it belongs to', async () => {
    const flows: unknown[] = [];
    const { receiver, deliver } = receive([Placed], {
      handler: async () => {
        await turn();
        flows.push(currentContext()?.correlationId, currentContext()?.messageId);
      },
    });
    runInContext({ correlationId: 'of the transport' }, () =>
      deliver(placed('a', { id: 'm-1', correlationid: 'c-1' }), channel),
    );
    await receiver.idle();
    expect(flows).toEqual(['c-1', 'm-1']);
  });
});

describe('bad input', () => {
  const secret = 'secret';
  const bad: [string, string, string][] = [
    ['an empty text', 'unreadable', ''],
    ['plain text', 'unreadable', secret],
    ['broken JSON', 'unreadable', `{"specversion":"1.0","data":"${secret}`],
    ['an array', 'unreadable', `["${secret}"]`],
    ['null', 'unreadable', 'null'],
    ['an object that is no envelope', 'unreadable', `{"id":"${secret}"}`],
    ['an envelope of another CloudEvents version', 'unreadable', placed(secret, { specversion: '0.3' })],
    ['a text that is too large', 'tooLarge', placed(secret + 'x'.repeat(1000))],
    ['a text that is too large in bytes only', 'tooLarge', placed(secret + '😀'.repeat(230))],
    ['another type', 'wrongContract', placed(secret, { type: 'orders.paid' })],
    ['another version', 'wrongContract', placed(secret, { dataversion: '2' })],
    ['a version that is no number', 'wrongContract', placed(secret, { dataversion: secret })],
    ['data of another shape', 'invalid', envelope({ data: secret })],
    ['data with a wrong field', 'invalid', envelope({ data: { id: [secret] } })],
    ['no data at all', 'invalid', envelope()],
  ];

  it.each(bad)('like %s is counted as %s and logged without what it says', (_, reason, body) => {
    const { deliver, handled, lines, stats } = receive([Placed]);
    deliver(body, channel);
    expect(handled).toEqual([]);
    expect(stats()).toMatchObject({ received: 1, handled: 0, failed: 0, rejected: { [reason]: 1 } });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'warn',
      fields: { subscription: 'orders.placed', channel, group: 'billing', reason },
      message: expect.stringContaining('rejected'),
    });
    expect(JSON.stringify(lines)).not.toContain(secret);

    deliver(placed('next'), channel);
    expect(handled.map(({ data }) => data)).toEqual([{ id: 'next' }]);
  });

  it('says which message it was, and where the data do not fit', () => {
    const { deliver, lines } = receive([Placed]);
    deliver(envelope({ id: 'm-1', data: { id: 7 } }), channel);
    expect(lines[0]?.fields).toMatchObject({ messageId: 'm-1', source: '/orders/i', places: ['id'] });
    deliver(envelope({ data: 7 }), channel);
    expect(lines[1]?.fields).toMatchObject({ places: ['(the whole)'] });
  });

  it('does not hold up what is good, whatever comes in between', async () => {
    const { receiver, deliver, handled, stats } = receive([Placed], {
      concurrency: 1,
      handler: async (data, context) => {
        await turn();
        handled.push({ data, context });
      },
    });
    for (const [, , body] of bad) {
      deliver(body, channel);
      deliver(placed('good'), channel);
    }
    await receiver.idle();
    expect(stats()).toMatchObject({ handled: bad.length, received: bad.length * 2 });
  });

  it('fits exactly at the limit of size', () => {
    const body = placed('ü'.repeat(100));
    const { deliver, stats } = receive([Placed], { maxMessageBytes: Buffer.byteLength(body) });
    deliver(body, channel);
    deliver(`${body} `, channel);
    expect(stats()).toMatchObject({ handled: 1, rejected: { tooLarge: 1 } });
  });

  it('is counted each time but logged only ten times a second', async () => {
    const { deliver, lines, clock, stats } = receive([Placed]);
    for (let n = 0; n < 1000; n++) deliver('garbage', channel);
    await handlersTurn();
    expect(lines).toHaveLength(10);
    clock.time += 999;
    deliver('garbage', channel);
    expect(lines).toHaveLength(10);
    clock.time += 1;
    for (let n = 0; n < 1000; n++) {
      deliver(envelope({ data: 7 }), channel);
      if (n % 50 === 0) await handlersTurn(); // more than fits into the share of a turn
    }
    await handlersTurn();
    expect(lines).toHaveLength(20);
    expect(lines[10]?.fields.rejected).toMatchObject({ unreadable: 1001, invalid: 1 });
    expect(stats()).toMatchObject({ rejected: { unreadable: 1001, invalid: 1000 } });
  });
});

describe('a handler that throws', () => {
  it.each([
    [
      'throws',
      () => {
        throw new RangeError('no');
      },
    ],
    [
      'rejects',
      async () => {
        throw new RangeError('no');
      },
    ],
    [
      'returns a thenable that rejects',
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: query builders are thenables too
        then: (_: unknown, refuse: (error: unknown) => void) => refuse(new RangeError('no')),
      }),
    ],
  ])('is counted and logged when it %s, and the next message is handled', async (_, misbehave) => {
    const done: unknown[] = [];
    const { receiver, deliver, lines, stats } = receive([Placed], {
      handler: (data) => ((data as { id: string }).id === 'bad' ? misbehave() : done.push(data)),
    });
    deliver(placed('bad', { id: 'm-1', correlationid: 'c-1' }), channel);
    deliver(placed('good'), channel);
    await receiver.idle();
    expect(done).toEqual([{ id: 'good' }]);
    expect(stats()).toMatchObject({ handled: 1, failed: 1 });
    expect(lines).toEqual([
      {
        level: 'error',
        fields: {
          subscription: 'orders.placed',
          channel,
          group: 'billing',
          messageId: 'm-1',
          correlationId: 'c-1',
          err: expect.any(RangeError),
        },
        message: expect.stringContaining('orders.placed'),
      },
    ]);
  });

  it.each([undefined, null, 'text', 7])('may throw %j', async (thrown) => {
    const { receiver, deliver, lines } = receive([Placed], {
      handler: () => {
        throw thrown;
      },
    });
    deliver(placed('a'), channel);
    await receiver.idle();
    expect(lines[0]?.fields).toMatchObject({ err: thrown });
  });
});

describe('concurrency', () => {
  /** Handlers that end when they are told to. */
  function held(contract: AnyContract, options: Partial<ReceiverOptions> = {}) {
    const ends = new Map<unknown, () => void>();
    const started: unknown[] = [];
    const bench = receive([contract], {
      handler: (data) => {
        const { id } = data as { id: string };
        started.push(id);
        return new Promise<void>((resolve) => ends.set(id, resolve));
      },
      ...options,
    });
    const end = async (id: string) => {
      ends.get(id)?.();
      await handlersTurn();
    };
    return { ...bench, started, end };
  }

  it('is bounded, and messages are started in order', async () => {
    const { deliver, started, end, stats } = held(Placed, { concurrency: 2 });
    for (const id of ['1', '2', '3', '4']) deliver(placed(id), channel);
    expect(started).toEqual(['1', '2']);
    expect(stats()).toMatchObject({ inFlight: 2, queued: 2 });
    await end('2');
    expect(started).toEqual(['1', '2', '3']);
    expect(stats()).toMatchObject({ handled: 1, inFlight: 2, queued: 1 });
  });

  it('handles one key one message at a time when the contract has a key', async () => {
    const Keyed = defineEvent('orders.placed', { schema: z.object({ id: z.string() }), key: ({ id }) => id });
    const { deliver, started, end } = held(Keyed);
    for (const id of ['a1', 'a2', 'b1']) deliver(placed(id, { partitionkey: id[0] }), channel);
    expect(started).toEqual(['a1', 'b1']);
    await end('a1');
    expect(started).toEqual(['a1', 'b1', 'a2']);
  });

  it('does not care for keys when the contract has none', () => {
    const { deliver, started } = held(Placed);
    for (const id of ['a1', 'a2']) deliver(placed(id, { partitionkey: 'a' }), channel);
    expect(started).toEqual(['a1', 'a2']);
  });

  it('drops what the queue cannot hold, counts it, and says so while it goes on, not each time', async () => {
    const { deliver, end, lines, clock, stats } = held(Placed, { concurrency: 1, maxQueuedMessages: 1 });
    for (const id of ['1', '2', '3', '4']) deliver(placed(id), channel);
    expect(stats()).toMatchObject({ dropped: 2, queued: 1, inFlight: 1 });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ level: 'warn', message: expect.stringContaining('three quarters full') });
    expect(lines[1]).toMatchObject({ level: 'warn', fields: { subscription: 'orders.placed', channel, dropped: 1 } });

    // There is room for one after each message that ends, and the queue is full again at once.
    for (let n = 1; n < 50; n++) {
      await end(String(n === 1 ? 1 : n === 2 ? 2 : n + 100 - 1));
      for (const id of [String(n + 101), 'dropped']) deliver(placed(id), channel);
    }
    expect(stats().dropped).toBe(51);
    expect(lines).toHaveLength(2);
    await clock.turn(10_000);
    deliver(placed('dropped'), channel);
    expect(lines).toHaveLength(3);
    expect(lines[2]?.fields.dropped).toBe(52);
  });

  it('bounds the queue by size too', () => {
    const { deliver, stats } = held(Placed, { concurrency: 1, maxQueuedBytes: 200 });
    for (let n = 0; n < 20; n++) deliver(placed('x'.repeat(50)), channel);
    expect(stats().queued).toBe(1);
    expect(stats().dropped).toBe(18);
  });

  it('gives up what waits when it is told to, and counts it', async () => {
    const { receiver, deliver, started, end, stats } = held(Placed, { concurrency: 1 });
    for (const id of ['1', '2', '3']) deliver(placed(id), channel);
    receiver.abandon();
    expect(stats()).toMatchObject({ abandoned: 2, queued: 0, inFlight: 1 });
    await end('1');
    await receiver.idle();
    expect(started).toEqual(['1']);
    expect(stats()).toMatchObject({ handled: 1, abandoned: 2, inFlight: 0 });
  });
});

describe('a pattern', () => {
  it('hands over unchecked what it matches, and does not count the rest', () => {
    const { deliver, handled, stats } = receive('orders.*');
    deliver(envelope({ data: 7 }), channel);
    deliver(envelope({ type: 'orders.lines.added', data: 8 }), 'shop:orders.lines.added');
    deliver(envelope({ data: 9 }), 'other:orders.placed');
    deliver(envelope({ dataversion: '2', data: 10 }), 'shop:orders.placed.v2');
    expect(handled.map(({ data }) => data)).toEqual([7]);
    expect(stats()).toMatchObject({ received: 1, handled: 1 });
  });

  it.each(['**', '*.placed', 'orders.**'])('%s looks behind the namespace', (pattern) => {
    const { deliver, handled } = receive(pattern);
    deliver(envelope({ data: 7 }), channel);
    expect(handled).toHaveLength(1);
  });

  it('rejects what is no envelope', () => {
    const { deliver, stats } = receive('**');
    deliver('garbage', channel);
    expect(stats()).toMatchObject({ received: 1, rejected: { unreadable: 1 } });
  });
});

describe('a bare channel', () => {
  it('hands over text as it came', () => {
    const { deliver, handled, clock } = receive([defineChannel('mychannel')], { group: undefined });
    for (const text of ['Hello, world!', '42', '{"a":1}', '']) deliver(text, 'mychannel');
    expect(handled.map(({ data }) => data)).toEqual(['Hello, world!', '42', '{"a":1}', '']);
    expect(handled[0]?.context).toEqual({
      type: 'mychannel',
      data: 'Hello, world!',
      version: 1,
      messageId: 'i-0',
      source: undefined,
      time: new Date(clock.time),
      group: undefined,
      key: undefined,
      correlationId: 'i-0',
      causationId: undefined,
      extensions: {},
      channel: 'mychannel',
      attempt: 1,
      commit: expect.any(Function),
      signal: expect.any(AbortSignal),
    });
  });

  it.each([
    ['zod', z.object({ n: z.number() })],
    ['valibot', v.object({ n: v.number() })],
    ['arktype', type({ n: 'number' })],
  ])('reads JSON when it has a schema (%s)', (_, schema) => {
    const { deliver, handled, lines, stats } = receive([defineChannel('numbers', { schema })]);
    deliver('{"n":1}', 'numbers');
    deliver('{"n":"secret"}', 'numbers');
    deliver('secret', 'numbers');
    expect(handled.map(({ data }) => data)).toEqual([{ n: 1 }]);
    expect(stats().rejected.invalid).toBe(2);
    expect(lines.map(({ fields }) => fields.places)).toEqual([['n'], ['(the whole)']]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  it.each([
    ['at once', z.string()],
    ['later', z.string().refine(async () => true)],
  ])('takes text that only looks like JSON for text where the schema wants text, answering %s', async (_, schema) => {
    const { receiver, deliver, handled, stats } = receive([defineChannel('texts', { schema })]);
    for (const text of ['plain', '42', 'true', '{"a":1}']) deliver(text, 'texts');
    await receiver.idle();
    expect(handled.map(({ data }) => data)).toEqual(['plain', '42', 'true', '{"a":1}']);
    expect(stats().handled).toBe(4);
  });

  it('is not checked when checking is switched off', () => {
    const { deliver, handled } = receive([defineChannel('numbers', { schema: z.number() })], { validate: false });
    for (const text of ['42', 'plain', '{"a":1}']) deliver(text, 'numbers');
    expect(handled.map(({ data }) => data)).toEqual([42, 'plain', { a: 1 }]);
  });

  it('has the same limit of size', () => {
    const { deliver, stats } = receive([defineChannel('texts')], { maxMessageBytes: 4 });
    for (const text of ['😀', '😀!', '12345']) deliver(text, 'texts');
    expect(stats()).toMatchObject({ handled: 1, rejected: { tooLarge: 2 } });
  });
});

describe('middleware', () => {
  it('goes around the handler, and may change what it gets', async () => {
    const calls: unknown[] = [];
    const middleware: Middleware[] = [
      async (call, next) => {
        calls.push(call.side, call.contract, call.data);
        call.data = 'changed';
        return next();
      },
    ];
    const { receiver, deliver, handled } = receive([Placed], { middleware });
    deliver(placed('a'), channel);
    await receiver.idle();
    expect(calls).toEqual(['handle', Placed, { id: 'a' }]);
    expect(handled[0]?.data).toBe('changed');
  });

  it('runs in the flow of the message', async () => {
    const flows: unknown[] = [];
    const middleware: Middleware[] = [
      (_, next) => {
        flows.push(currentContext()?.messageId);
        return next();
      },
    ];
    const { receiver, deliver } = receive([Placed], { middleware });
    deliver(placed('a', { id: 'm-1' }), channel);
    await receiver.idle();
    expect(flows).toEqual(['m-1']);
  });

  it('may refuse, which counts as a failure and is logged', async () => {
    const middleware: Middleware[] = [
      () => {
        throw new RangeError('no');
      },
    ];
    const { receiver, deliver, handled, lines, stats } = receive([Placed], { middleware });
    deliver(placed('a'), channel);
    await receiver.idle();
    expect(handled).toEqual([]);
    expect(stats()).toMatchObject({ failed: 1 });
    expect(lines[0]?.level).toBe('error');
  });
});

it('logs a failure with ids of bounded length, whatever a stranger calls its event', () => {
  const { deliver, lines } = receive([Placed], {
    maxMessageBytes: 1_000_000,
    handler: () => {
      throw new Error('no');
    },
  });
  deliver(envelope({ id: 'x'.repeat(100_000), data: { id: 'a' } }), channel);
  expect(lines).toMatchObject([{ message: expect.stringContaining('threw') }]);
  expect(JSON.stringify(lines[0]?.fields).length).toBeLessThan(1000);
});
