import type { BelfryError } from '@belfry/contracts';
import { describe, expect, it } from 'vitest';
import { wholeEnvelopes } from '../test/whole-envelope.js';
import { decodeShared, envelopeEncoder, extensionsOf } from './envelope.js';
import { decodeEnvelope, type Envelope } from './index.js';

const time = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const plain = { specversion: '1.0', id: 'i-0', source: '/shop/i', type: 'orders.placed' };

const messageOf = (value: unknown): string => {
  try {
    decodeEnvelope(typeof value === 'string' ? value : JSON.stringify(value));
  } catch (error) {
    expect((error as BelfryError).code).toBe('ENVELOPE_INVALID');
    return (error as BelfryError).message;
  }
  throw new Error('The envelope was read.');
};

describe('encoding', () => {
  it('writes a CloudEvents envelope, without what is absent', () => {
    const encode = wholeEnvelopes('/shop/i', 'orders.placed', 2);
    expect(JSON.parse(encode({ id: 'i-0', time }, '{"a":1}'))).toEqual({
      specversion: '1.0',
      id: 'i-0',
      source: '/shop/i',
      type: 'orders.placed',
      dataversion: '2',
      datacontenttype: 'application/json',
      time: '2026-01-02T03:04:05.678Z',
      data: { a: 1 },
    });
  });

  it('writes every attribute that there is', () => {
    const attributes = {
      id: 'i-1',
      time,
      key: 'k',
      correlationId: 'c',
      causationId: 'p',
      traceparent: '00-1',
      tracestate: 'x=1',
      extensions: { tenant: 'eu', attempt: 2, test: false },
    };
    expect(JSON.parse(wholeEnvelopes('/s/i', 'a.b', 1)(attributes, 'null'))).toMatchObject({
      partitionkey: 'k',
      correlationid: 'c',
      causationid: 'p',
      traceparent: '00-1',
      tracestate: 'x=1',
      tenant: 'eu',
      attempt: 2,
      test: false,
      data: null,
    });
  });

  it('survives any text in any attribute, and reads back what was written', () => {
    const nasty = '"},\\\u0000\n\u2028\ud800 😀';
    const encode = wholeEnvelopes(nasty, nasty, 1);
    const body = encode(
      { id: 'i', time, key: nasty, correlationId: nasty, extensions: { a: nasty } },
      JSON.stringify(nasty),
    );
    expect(decodeEnvelope(body)).toMatchObject({
      source: nasty,
      type: nasty,
      partitionkey: nasty,
      correlationid: nasty,
      a: nasty,
      data: nasty,
    });
  });

  it('tells the time of each event', () => {
    const encode = wholeEnvelopes('/s/i', 'a.b', 1);
    const timeOf = (time: number) => decodeEnvelope(encode({ id: 'i', time }, '1')).time;
    expect([0, 0, 1, 0].map(timeOf)).toEqual([0, 0, 1, 0].map((time) => new Date(time).toISOString()));
  });
});

describe('what several events share', () => {
  const encoder = envelopeEncoder('/shop/i', 'orders.placed', 2);

  it('is the same text within a millisecond', () => {
    expect(encoder.shared(time)).toBe(encoder.shared(time));
    expect(encoder.shared(time + 1)).not.toBe(encoder.shared(time));
  });

  it('may be written once: an event that comes behind it is the same as one in one piece', () => {
    const [shared, own] = [encoder.shared(time), encoder.own({ id: 'i-1', key: 'k' }, '7')];
    const together = decodeEnvelope(`{${own.slice(1)}`, decodeShared(`${shared}}`));
    expect(together).toEqual(decodeEnvelope(shared + own));
  });

  it.each([
    ['source', { source: '/evil/i' }],
    ['type', { type: 'orders.cancelled' }],
    ['specversion', { specversion: '0.3' }],
  ])('is not for the event itself to say: %s', (name, own) => {
    const shared = decodeShared(`${encoder.shared(time)}}`);
    const envelope = decodeEnvelope(JSON.stringify({ id: 'i-1', ...own }), shared);
    expect(envelope[name]).toBe(JSON.parse(`${encoder.shared(time)}}`)[name]);
  });

  it.each(['', '[]', '{}', '{"specversion":"1.0","source":"/a/b"}', '{"specversion":"1.0","source":7,"type":"a"}'])(
    'is refused when it does not say enough: %s',
    (text) => expect(() => decodeShared(text)).toThrow(expect.objectContaining({ code: 'ENVELOPE_INVALID' })),
  );
});

describe('decoding', () => {
  it('reads the least that an envelope must say', () => {
    expect(decodeEnvelope(JSON.stringify(plain))).toEqual(plain);
  });

  it.each([
    ['', 'it is not JSON'],
    ['{"specversion":"1.0",', 'it is not JSON'],
    ['Hello, world!', 'it is not JSON'],
    ['[]', 'it is not a JSON object'],
    ['null', 'it is not a JSON object'],
    ['7', 'it is not a JSON object'],
    ['"text"', 'it is not a JSON object'],
    ['{}', 'specversion is not "1.0"'],
  ])('refuses %j: %s', (text, why) => expect(messageOf(text)).toContain(why));

  it.each([
    [{ specversion: '0.3' }, 'specversion'],
    [{ specversion: 1 }, 'specversion'],
    [{ id: '' }, 'id'],
    [{ id: 7 }, 'id'],
    [{ id: null }, 'id'],
    [{ source: undefined }, 'source'],
    [{ type: ['a'] }, 'type'],
    [{ time: 7 }, 'time'],
    [{ datacontenttype: {} }, 'datacontenttype'],
    [{ partitionkey: 7 }, 'partitionkey'],
    [{ correlationid: true }, 'correlationid'],
    [{ causationid: [] }, 'causationid'],
    [{ traceparent: 7 }, 'traceparent'],
    [{ tracestate: 7 }, 'tracestate'],
    [{ dataversion: true }, 'dataversion'],
  ])('refuses %j', (attribute, name) => expect(messageOf({ ...plain, ...attribute })).toContain(`${name} is n`));

  it('quotes nothing of what it refuses', () => {
    for (const text of [
      'secret',
      '{"secret',
      '{"specversion":"secret"}',
      JSON.stringify({ ...plain, time: ['secret'] }),
    ])
      expect(messageOf(text)).not.toContain('secret');
  });

  it('takes a version that is a number', () => {
    expect(decodeEnvelope(JSON.stringify({ ...plain, dataversion: 2 })).dataversion).toBe('2');
  });

  it('takes null for an attribute that is not set, as the JSON format of CloudEvents says', () => {
    const unset = {
      time: null,
      dataversion: null,
      partitionkey: null,
      correlationid: null,
      traceparent: null,
      tenant: null,
    };
    const envelope = decodeEnvelope(JSON.stringify({ ...plain, ...unset, data: null }));
    expect(extensionsOf(envelope)).toEqual({});
    const { tenant: _, ...known } = envelope;
    expect(known).toEqual({ ...plain, data: null });
  });
});

describe('extensions', () => {
  it('are the attributes that neither CloudEvents nor Belfry gives a meaning to', () => {
    const envelope = {
      ...plain,
      dataversion: '1',
      dataschema: 'x',
      subject: 'x',
      partitionkey: 'k',
      sequence: '7',
      cursor: '7-0',
      data_base64: 'eA==',
      tenant: 'eu',
      attempt: 2,
      test: true,
      object: {},
    };
    expect({ ...extensionsOf(envelope as Envelope) }).toEqual({ tenant: 'eu', attempt: 2, test: true });
  });

  it('pollute no prototype', () => {
    const extensions = extensionsOf(
      decodeEnvelope(`{${JSON.stringify(plain).slice(1, -1)},"__proto__":"x","constructor":"y"}`),
    );
    expect(Object.entries(extensions)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });
});
