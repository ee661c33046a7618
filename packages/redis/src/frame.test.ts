import { decodeEnvelope, type Deliver } from '@belfry/core';
import { describe, expect, it } from 'vitest';
import { eachInFrame, renumbered, toFrame, toRecord, toSharedRecord } from './frame.js';

function bodiesIn(message: string): string[] {
  const bodies: string[] = [];
  eachInFrame(message, { channel: 'shop:orders.placed' }, (body) => bodies.push(body));
  return bodies;
}

describe('a frame', () => {
  it('hands a lone event over as it is', () => {
    expect(bodiesIn('{"a":\n1}\n')).toEqual(['{"a":\n1}\n']);
    expect(bodiesIn('')).toEqual(['']);
  });

  it('is taken apart at the separators, without the line feed that ends each record', () => {
    expect(bodiesIn('\x1e{"a":1}\n\x1e{"b":2}\n')).toEqual(['{"a":1}', '{"b":2}']);
  });

  it('hands over what is not well formed too: it is the reader who rejects and counts', () => {
    expect(bodiesIn('\x1egarbage\n\x1e{"b":2}')).toEqual(['garbage', '{"b":2}']);
  });

  it('takes several separators in a row as one, however many they are', () => {
    expect(bodiesIn(`\x1e{"a":1}\n${'\x1e'.repeat(500)}{"b":2}`)).toEqual(['{"a":1}', '{"b":2}']);
    expect(bodiesIn('\x1e')).toEqual([]);
  });

  it('is made of several bodies, and comes apart into them; a lone one travels as itself', () => {
    expect(toFrame(['{"a":1}'])).toBe('{"a":1}');
    expect(toFrame(['{"a":1}', '{"b":2}'])).toBe('\x1e{"a":1}\n\x1e{"b":2}\n');
    expect(bodiesIn(toFrame(['{"a":1}', '{"b":2}', '{}']))).toEqual(['{"a":1}', '{"b":2}', '{}']);
  });

  it('hands over the rest in one piece when there are more records than any publisher makes', () => {
    const bodies = bodiesIn('\x1ex\n'.repeat(500_000));
    expect(bodies).toHaveLength(1024);
    expect(bodies.at(-1)?.length).toBeGreaterThan(1_000_000);
  });

  describe('of version 2', () => {
    const shared = '{"specversion":"1.0","source":"/shop/i","type":"orders.placed","time":"2026-05-01T12:00:00.000Z"';
    const frame = toSharedRecord(shared) + [1, 2].map((n) => toRecord(`{"sequence":"${n}","id":"i-${n}"}`)).join('');
    const read = (message: string, isGroup?: boolean) => {
      const heard: unknown[] = [];
      const deliver: Deliver = (body, origin) => heard.push(decodeEnvelope(body, origin.shared));
      eachInFrame(message, { channel: 'shop:orders.placed' }, deliver, isGroup);
      return heard;
    };
    const whole = (n: number, others: object = {}) => ({
      ...JSON.parse(`${shared}}`),
      sequence: `${n}`,
      id: `i-${n}`,
      ...others,
    });

    it('says once what its envelopes share, until it says something else', () => {
      expect(read(frame)).toEqual([whole(1), whole(2)]);
      const later = toSharedRecord(shared.replace('12:00', '12:01')) + toRecord('{"sequence":"3","id":"i-3"}');
      expect(read(frame + later)).toEqual([whole(1), whole(2), whole(3, { time: '2026-05-01T12:01:00.000Z' })]);
    });

    it('says where its envelopes are kept, to whoever may have missed some', () => {
      const kept = frame.replace('{"shared":{', '{"shared":{"cursor":"1700-8",');
      expect(read(kept)).toEqual([whole(1, { cursor: '1700-8' }), whole(2, { cursor: '1700-9' })]);
      expect(read(kept, true)).toEqual([whole(1), whole(2)]);
    });

    it.each(['{"shared":garbage}', '{"shared":{}}', '{"shared":[]}', '{"shared":{"specversion":"1.0","source":7}}'])(
      'hands over what nobody can read, when what is shared is garbage: %s',
      (head) => {
        const bodies = bodiesIn(toRecord(head) + toRecord('{"id":"i-1"}'));
        expect(bodies).toHaveLength(2);
        for (const body of bodies) expect(() => decodeEnvelope(body)).toThrow();
      },
    );

    it('takes other numbers without being made anew', () => {
      const again = renumbered(renumbered(frame, [5, 7], '2-4'), [8, 9], undefined);
      expect(renumbered(frame, [5, 7], '2-4')).toContain('{"sequence":"7","uncertain":"2-4","id":"i-2"}');
      expect(again).toBe(frame.replace('"sequence":"1"', '"sequence":"8"').replace('"sequence":"2"', '"sequence":"9"'));
    });
  });
});
