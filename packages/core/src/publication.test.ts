import { type AnyContract, type BelfryError, defineChannel, defineEvent } from '@belfry/contracts';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  decodeEnvelope,
  type Middleware,
  type OutgoingEvent,
  type PublishCall,
  type PublishOptions,
  type Receipt,
  runInContext,
  silentLogger,
  systemClock,
  type Transport,
} from './index.js';
import { Delays } from './durable/delays.js';
import { Upkeep } from './durable/upkeep.js';
import { Publication, type PublicationOptions } from './publication.js';

const receipt: Receipt = { broadcast: 1, groups: { billing: 1 } };
const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

/** Writes down what it is asked to publish. */
class NotingTransport {
  readonly events: OutgoingEvent[] = [];
  readonly bare: { channel: string; payload: string }[] = [];
  publish = async ({ shared = '', body, ...event }: OutgoingEvent): Promise<Receipt> => {
    this.events.push({ ...event, body: shared + body });
    return receipt;
  };
  publishBare = async (channel: string, payload: string): Promise<number> => {
    this.bare.push({ channel, payload });
    return 3;
  };
  get data(): unknown[] {
    return this.events.map(({ body }) => decodeEnvelope(body).data);
  }
}

function start(options: Partial<PublicationOptions> = {}) {
  const transport = new NotingTransport();
  let ids = 0;
  const publication = new Publication({
    transport: transport as unknown as Transport,
    namespace: 'shop',
    source: '/orders/i',
    nextId: () => `i-${ids++}`,
    validate: true,
    publicChannels: true,
    maxMessageBytes: 1_048_576,
    middleware: [],
    upkeep: new Upkeep(undefined, silentLogger, systemClock),
    delays: new Delays(undefined, silentLogger, systemClock),
    clock: { ...systemClock, now: () => now, date: () => now },
    ...options,
  });
  const publish = (contract: AnyContract, data: unknown, published: PublishOptions = {}) =>
    publication.publish(contract, data, published);
  return { transport, publication, publish };
}

const failureOf = async (publishing: Promise<unknown>): Promise<BelfryError> =>
  publishing.then(
    () => {
      throw new Error('It was published.');
    },
    (error) => error,
  );

const Placed = defineEvent('orders.placed', {
  schema: z.object({ id: z.string(), customer: z.string().default('nobody') }),
  key: ({ id }) => id,
});
const Anything = defineEvent('any.thing', { schema: z.any() });

/** A schema that answers when the test says so. */
function slowEvent() {
  const answers = new Map<unknown, () => void>();
  const schema = z
    .string()
    .refine((text) => new Promise<boolean>((resolve) => answers.set(text, () => resolve(text !== 'bad'))));
  const answer = async (text: string) => {
    answers.get(text)?.();
    await new Promise(setImmediate);
  };
  return { contract: defineEvent('slow.done', { schema }), answer };
}

describe('publishing an event', () => {
  it('hands the envelope to the transport, and returns its receipt', async () => {
    const { transport, publish } = start();
    await expect(publish(Placed, { id: 'o-1' })).resolves.toBe(receipt);
    const [event] = transport.events;
    expect(event).toEqual({ channel: 'shop:orders.placed', key: 'o-1', public: true, body: expect.any(String) });
    expect(JSON.parse(event!.body)).toEqual({
      specversion: '1.0',
      id: 'i-0',
      source: '/orders/i',
      type: 'orders.placed',
      dataversion: '1',
      datacontenttype: 'application/json',
      time: '2026-01-02T03:04:05.678Z',
      partitionkey: 'o-1',
      data: { id: 'o-1' },
    });
  });

  it("sends the schema's input, not its output", async () => {
    const { transport, publish } = start();
    const contract = defineEvent('a.b', { schema: z.iso.datetime().transform((text) => new Date(text)) });
    await publish(contract, '2026-01-02T03:04:05Z');
    expect(transport.data).toEqual(['2026-01-02T03:04:05Z']);
  });

  it('puts a later version on its own channel', async () => {
    const { transport, publish } = start();
    await publish(defineEvent('a.b', { schema: z.string(), version: 2 }), 'x');
    await publish(defineEvent('a.b', { schema: z.string() }), 'x');
    expect(transport.events.map(({ channel, body }) => [channel, decodeEnvelope(body).dataversion])).toEqual([
      ['shop:a.b.v2', '2'],
      ['shop:a.b', '1'],
    ]);
  });

  it('stays off public channels when it is told so', async () => {
    const { transport, publish } = start({ publicChannels: false });
    await publish(Placed, { id: 'o-1' });
    expect(transport.events[0]?.public).toBe(false);
  });

  it('takes a key of its own instead of the contract’s', async () => {
    const { transport, publish } = start();
    await publish(Placed, { id: 'o-1' }, { key: 'other' });
    await publish(Anything, 1, { key: 'k' });
    await publish(Anything, 1);
    expect(transport.events.map(({ key }) => key)).toEqual(['other', 'k', undefined]);
    expect(transport.events.map(({ body }) => decodeEnvelope(body).partitionkey)).toEqual(['other', 'k', undefined]);
  });

  it('hands on what the transport rejects with', async () => {
    const { transport, publish } = start();
    transport.publish = () => Promise.reject(new RangeError('away'));
    await expect(publish(Placed, { id: 'o-1' })).rejects.toThrow(RangeError);
  });

  it('rejects, and does not throw, when the transport throws', async () => {
    const { transport, publish } = start();
    transport.publish = () => {
      throw new RangeError('broken');
    };
    await expect(publish(Placed, { id: 'o-1' })).rejects.toThrow(RangeError);
  });
});

describe('data that do not fit', () => {
  it.each([
    ['zod', z.object({ card: z.literal('ok') })],
    ['valibot', v.object({ card: v.literal('ok') })],
    ['arktype', type({ card: "'ok'" })],
  ])('are not published, and the error says where but not what (%s)', async (_, schema) => {
    const { transport, publish } = start();
    const error = await failureOf(publish(defineEvent('a.b', { schema }), { card: 'secret' }));
    expect(error).toMatchObject({ code: 'PAYLOAD_INVALID', issues: [{ path: 'card', message: expect.any(String) }] });
    expect(error.message).toContain('the event a.b (version 1)');
    expect(error.message).toContain('at card;');
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain('secret');
    expect(transport.events).toEqual([]);
  });

  it('are published when the check is switched off', async () => {
    const { transport, publish } = start({ validate: false });
    await publish(Placed, { id: 'o-1', more: 7 });
    await publish(defineEvent('a.b', { schema: z.string() }), 7);
    expect(transport.data).toEqual([{ id: 'o-1', more: 7 }, 7]);
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  it.each([
    ['undefined', undefined],
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['a circle', circular],
    ['a BigInt', { n: 1n }],
    ['a nest without end', deep],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('secret');
        },
      },
    ],
  ])('like %s cannot be written as JSON, and say so', async (_, data) => {
    const { transport, publish } = start();
    for (const contract of [Anything, defineChannel('bare', { schema: z.any() })]) {
      const error = await failureOf(publish(contract, data));
      expect(error).toMatchObject({ code: 'PAYLOAD_INVALID' });
      expect(error.message).toContain('cannot be written as JSON');
      expect(error.message).not.toContain('secret');
    }
    expect([...transport.events, ...transport.bare]).toEqual([]);
  });

  it('have no key when the key function throws or returns no string', async () => {
    const { transport, publish } = start();
    const keyed = (key: unknown) => defineEvent('a.b', { schema: z.any(), key: key as () => string });
    const thrown = await failureOf(
      publish(
        keyed(() => {
          throw new RangeError('secret');
        }),
        1,
      ),
    );
    expect(thrown).toMatchObject({ code: 'PAYLOAD_INVALID' });
    expect(thrown.message).toMatch(/key function \(RangeError\)/);
    expect(thrown.message).not.toContain('secret');
    for (const key of [undefined, 7, null]) {
      const error = await failureOf(
        publish(
          keyed(() => key),
          1,
        ),
      );
      expect(error).toMatchObject({ code: 'PAYLOAD_INVALID' });
    }
    expect(transport.events).toEqual([]);
  });

  it('leave the next event alone', async () => {
    const { transport, publish } = start();
    const publishing = [publish(Placed, { id: 'o-1' }), publish(Placed, {}), publish(Placed, { id: 'o-2' })];
    const results = await Promise.allSettled(publishing);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(transport.data).toEqual([{ id: 'o-1' }, { id: 'o-2' }]);
  });
});

describe('the limit of size', () => {
  it('counts the bytes of the encoded envelope, not characters', async () => {
    const measured = start();
    const text = '😀ü'.repeat(50);
    await measured.publish(Anything, text);
    const bytes = Buffer.byteLength(measured.transport.events[0]!.body);

    const exact = start({ maxMessageBytes: bytes });
    await exact.publish(Anything, text);
    expect(exact.transport.events).toHaveLength(1);

    const short = start({ maxMessageBytes: bytes - 1 });
    const error = await failureOf(short.publish(Anything, text));
    expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(error.message).toContain(`is ${bytes} bytes, more than the limit of ${bytes - 1}`);
    expect(short.transport.events).toEqual([]);
  });

  it('holds on bare channels too', async () => {
    const { transport, publish } = start({ maxMessageBytes: 4 });
    await publish(defineChannel('bare'), '😀');
    await expect(publish(defineChannel('bare'), '😀!')).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(transport.bare).toHaveLength(1);
  });
});

describe('options of a publish', () => {
  it.each([
    ['an unknown one', { headers: {} }, /"headers" is no option/],
    ['a key that is no text', { key: 5 }, /"key" must be a text/],
    ['a correlation id that is no text', { correlationId: 5 }, /"correlationId" must be a text/],
    ['extensions that are no object', { extensions: 'x' }, /"extensions" must be an object/],
  ])('refuse %s', async (_what, options, message) => {
    const { transport, publish } = start();
    await expect(publish(Placed, { id: 'o-1' }, options as PublishOptions)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(message),
    });
    expect(transport.events).toEqual([]);
  });

  it('may be left undefined', async () => {
    const { transport, publish } = start();
    await publish(Placed, { id: 'o-1' }, { key: undefined, correlationId: undefined } as PublishOptions);
    expect(transport.events).toHaveLength(1);
  });
});

describe('order', () => {
  it('is that of the calls, although asynchronous schemas answer in reverse', async () => {
    const { transport, publish } = start();
    const { contract, answer } = slowEvent();
    const publishing = ['1', '2', '3'].map((text) => publish(contract, text));
    for (const text of ['3', '2']) {
      await answer(text);
      expect(transport.data).toEqual([]);
    }
    await answer('1');
    await Promise.all(publishing);
    expect(transport.data).toEqual(['1', '2', '3']);
  });

  it('publishes the data as they were at the call, whatever happens to them while a schema thinks', async () => {
    const { transport, publish } = start();
    let answer = (_: { value: unknown }) => {};
    const schema = {
      '~standard': { version: 1, vendor: 'test', validate: () => new Promise((done) => (answer = done)) },
    } as const;
    const data = { id: 'then' };
    const publishing = publish(
      defineEvent('slow.object', { schema: schema as never as z.ZodObject<{ id: z.ZodString }> }),
      data,
    );
    data.id = 'later';
    answer({ value: data });
    await publishing;
    expect(transport.data).toEqual([{ id: 'then' }]);
  });

  it('holds when one of them is refused', async () => {
    const { transport, publish } = start();
    const { contract, answer } = slowEvent();
    const publishing = Promise.allSettled(['1', 'bad', '3'].map((text) => publish(contract, text)));
    for (const text of ['3', 'bad', '1']) await answer(text);
    expect((await publishing).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(transport.data).toEqual(['1', '3']);
  });

  it('holds between contracts that share a channel, of which one is checked at once', async () => {
    const { transport, publish } = start();
    const { contract, answer } = slowEvent();
    const quick = defineEvent('slow.done', { schema: z.string() });
    const publishing = [publish(contract, '1'), publish(quick, '2')];
    await new Promise(setImmediate);
    expect(transport.data).toEqual([]);
    await answer('1');
    const late = publish(quick, '3');
    await Promise.all([...publishing, late]);
    expect(transport.data).toEqual(['1', '2', '3']);
  });

  it('holds for what is published in the moment in which the wait ends', async () => {
    const { transport, publish } = start();
    const { contract, answer } = slowEvent();
    const quick = defineEvent('slow.done', { schema: z.string() });
    const publishing: Promise<unknown>[] = [publish(contract, '1')];
    const ticks = (async () => {
      for (let n = 2; n < 30; n++) {
        publishing.push(publish(quick, String(n)));
        await Promise.resolve();
      }
    })();
    await answer('1');
    await ticks;
    await Promise.all(publishing);
    expect(transport.data).toEqual(Array.from({ length: 29 }, (_, n) => String(n + 1)));
  });

  it('makes no other channel wait', async () => {
    const { transport, publish } = start();
    const { contract, answer } = slowEvent();
    const slow = publish(contract, '1');
    await publish(Anything, 'other');
    expect(transport.data).toEqual(['other']);
    await answer('1');
    await slow;
  });

  it('survives a schema that makes no sense', async () => {
    const { transport, publish } = start();
    const senseless = { '~standard': { version: 1, vendor: 'test', validate: async () => undefined } };
    const contract = defineEvent('a.b', { schema: senseless as unknown as z.ZodString });
    await expect(publish(contract, 1)).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    await publish(defineEvent('a.b', { schema: z.number() }), 2);
    expect(transport.data).toEqual([2]);
  });

  it('is settled when nothing waits for a schema any more', async () => {
    const { publication, publish } = start();
    const { contract, answer } = slowEvent();
    await publication.settled();
    const publishing = [publish(contract, '1'), publish(contract, '2')];
    let settled = false;
    const waits = publication.settled().then(() => {
      settled = true;
    });
    await answer('1');
    expect(settled).toBe(false);
    await answer('2');
    await waits;
    await Promise.all(publishing);
  });
});

describe('extension attributes', () => {
  it('travel', async () => {
    const { transport, publish } = start();
    await publish(Anything, 1, { extensions: { tenant: 'eu', attempt: 2, test: false } });
    expect(decodeEnvelope(transport.events[0]!.body)).toMatchObject({ tenant: 'eu', attempt: 2, test: false });
  });

  it.each([
    '',
    'Tenant',
    'my_tenant',
    'ten ant',
    'id',
    'data',
    'partitionkey',
    'sequence',
    'cursor',
    'traceparent',
    '__proto__',
  ])('may not be called %j', async (name) => {
    const { transport, publish } = start();
    const extensions = Object.fromEntries([[name, 'x']]);
    await expect(publish(Anything, 1, { extensions })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    expect(transport.events).toEqual([]);
  });

  it.each([undefined, null, {}, Number.NaN, Number.POSITIVE_INFINITY, 1n, () => {}])('may not be %s', async (value) => {
    const { transport, publish } = start();
    const extensions = { tenant: value as unknown as string };
    await expect(publish(Anything, 1, { extensions })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
    expect(transport.events).toEqual([]);
  });
});

describe('context', () => {
  const context = { correlationId: 'c-1', messageId: 'm-1', traceparent: '00-1', tracestate: 'x=1' };
  const attributes = { correlationid: 'c-1', causationid: 'm-1', traceparent: '00-1', tracestate: 'x=1' };

  it('flows into what is published in it', async () => {
    const { transport, publish } = start();
    await runInContext(context, () => publish(Anything, 1));
    expect(decodeEnvelope(transport.events[0]!.body)).toMatchObject(attributes);
  });

  it('flows through a schema that answers later, out of another context', async () => {
    const { transport, publish } = start();
    const { contract, answer } = slowEvent();
    const publishing = [
      runInContext(context, () => publish(contract, '1')),
      runInContext({ correlationId: 'other' }, () => publish(contract, '2')),
    ];
    await runInContext({ correlationId: 'third' }, async () => {
      await answer('2');
      await answer('1');
    });
    await Promise.all(publishing);
    expect(decodeEnvelope(transport.events[0]!.body)).toMatchObject(attributes);
    const second = decodeEnvelope(transport.events[1]!.body);
    expect(second.correlationid).toBe('other');
    expect('causationid' in second || 'traceparent' in second).toBe(false);
  });

  it('gives way to what the publish is told', async () => {
    const { transport, publish } = start();
    const told = { correlationId: 'c-2', causationId: 'm-2', traceparent: '00-2', tracestate: 'y=2' };
    await runInContext(context, () => publish(Anything, 1, told));
    expect(decodeEnvelope(transport.events[0]!.body)).toMatchObject({
      correlationid: 'c-2',
      causationid: 'm-2',
      traceparent: '00-2',
      tracestate: 'y=2',
    });
  });

  it('leaves nothing in the envelope outside of a message', async () => {
    const { transport, publish } = start();
    await publish(Anything, 1);
    for (const name of Object.keys(attributes))
      expect(decodeEnvelope(transport.events[0]!.body)).not.toHaveProperty(name);
  });
});

describe('middleware', () => {
  it('changes what travels, and that is checked afterwards', async () => {
    const middleware: Middleware[] = [
      (call, next) => {
        (call as PublishCall).data = { id: `${(call.data as { id: string }).id}!` };
        Object.assign((call as PublishCall).extensions, { tenant: 'eu' });
        return next();
      },
    ];
    const { transport, publish } = start({ middleware });
    const extensions = { test: true };
    await expect(publish(Placed, { id: 'o-1' }, { extensions })).resolves.toBe(receipt);
    expect(transport.events[0]?.key).toBe('o-1!');
    expect(decodeEnvelope(transport.events[0]!.body)).toMatchObject({ data: { id: 'o-1!' }, tenant: 'eu', test: true });
    expect(extensions).toEqual({ test: true });

    const breaking = start({
      middleware: [
        (call, next) => {
          call.data = {};
          return next();
        },
      ],
    });
    await expect(breaking.publish(Placed, { id: 'o-1' })).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
  });

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
  ] as [string, Middleware][])('refuses a publish when it %s', async (_, layer) => {
    const { transport, publish } = start({ middleware: [layer] });
    await expect(publish(Placed, { id: 'o-1' })).rejects.toThrow(RangeError);
    expect(transport.events).toEqual([]);
  });
});

describe('a bare channel', () => {
  it('takes text as it is, literally, and says how many received it', async () => {
    const { transport, publish } = start();
    await expect(publish(defineChannel('mychannel'), 'Hello, "world"!')).resolves.toEqual({ broadcast: 3, groups: {} });
    expect(transport.bare).toEqual([{ channel: 'mychannel', payload: 'Hello, "world"!' }]);
  });

  it('takes everything else as JSON that fits its schema', async () => {
    const { transport, publish } = start();
    const Numbers = defineChannel('numbers', { schema: v.object({ n: v.number() }) });
    await publish(Numbers, { n: 1 });
    expect(transport.bare).toEqual([{ channel: 'numbers', payload: '{"n":1}' }]);
    const error = await failureOf(publish(Numbers, { n: 'secret' }));
    expect(error.code).toBe('PAYLOAD_INVALID');
    expect(error.message).toContain('the payload for channel numbers');
  });
});
