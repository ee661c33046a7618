import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Aborts } from './aborts.js';

const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('aborts', () => {
  it('listens to a signal once, and calls everybody who waits for it', () => {
    const aborts = new Aborts();
    const [one, other] = [new AbortController(), new AbortController()];
    const called: [number, AbortSignal][] = [];
    for (let n = 0; n < 100; n++) aborts.add(one.signal, (signal) => called.push([n, signal]));
    aborts.add(other.signal, () => called.push([100, other.signal]));
    expect([aborts.size, listenersOf(one.signal), listenersOf(other.signal)]).toEqual([2, 1, 1]);
    one.abort();
    expect(called).toEqual(Array.from({ length: 100 }, (_, n) => [n, one.signal]));
    expect([aborts.size, listenersOf(one.signal)]).toEqual([1, 0]);
  });

  it('forgets the signal with the last who waits for it', () => {
    const aborts = new Aborts();
    const { signal } = new AbortController();
    const [one, other] = [() => {}, () => {}];
    aborts.add(signal, one);
    aborts.add(signal, other);
    aborts.delete(signal, one);
    aborts.delete(signal, one);
    expect([aborts.size, listenersOf(signal)]).toEqual([1, 1]);
    aborts.delete(signal, other);
    aborts.delete(signal, other);
    expect([aborts.size, listenersOf(signal)]).toEqual([0, 0]);
    aborts.add(signal, one);
    expect([aborts.size, listenersOf(signal)]).toEqual([1, 1]);
  });

  it('calls those who waited, also when they stop waiting meanwhile', () => {
    const aborts = new Aborts();
    const abort = new AbortController();
    const called: number[] = [];
    const waiting = [1, 2, 3].map((n) => () => {
      called.push(n);
      for (const each of waiting) aborts.delete(abort.signal, each);
    });
    for (const each of waiting) aborts.add(abort.signal, each);
    abort.abort();
    expect([called, aborts.size]).toEqual([[1, 2, 3], 0]);
  });
});
