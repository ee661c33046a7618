import { expect, it } from 'vitest';
import { Fifo } from './fifo.js';

it('gives out what it was given, in order, however pushes and shifts alternate', () => {
  const fifo = new Fifo<number>();
  let [pushed, shifted] = [0, 0];
  for (const [pushes, shifts] of [
    [5000, 10],
    [1, 3000],
    [3000, 4991],
    [2, 2],
    [10, 20],
  ] as const) {
    for (let n = 0; n < pushes; n++) fifo.push(pushed++);
    for (let n = 0; n < shifts; n++) expect(fifo.shift()).toBe(shifted < pushed ? shifted++ : undefined);
    expect(fifo.length).toBe(pushed - shifted);
  }
  expect(fifo.length).toBe(0);
  expect(fifo.shift()).toBeUndefined();
});

it('forgets everything at once, and goes on', () => {
  const fifo = new Fifo<string>();
  fifo.push('a');
  fifo.push('b');
  fifo.shift();
  fifo.clear();
  expect(fifo.length).toBe(0);
  fifo.push('c');
  expect(fifo.shift()).toBe('c');
});
