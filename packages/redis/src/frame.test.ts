import { describe, expect, it } from 'vitest';
import { eachInFrame, toFrame } from './frame.js';

function bodiesIn(message: string): string[] {
  const bodies: string[] = [];
  eachInFrame(message, 'shop:orders.placed', (body) => bodies.push(body));
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
});
