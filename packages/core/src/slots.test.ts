import { describe, expect, it } from 'vitest';
import { Slots } from './slots.js';

/** Slots, and for each of these names one who waits; what they are told is written down. */
function slotsFor(limit: number, ...names: readonly string[]) {
  const slots = new Slots(limit);
  const told: string[] = [];
  const callbacks = new Map(names.map((name) => [name, () => void told.push(name)]));
  for (const callback of callbacks.values()) slots.onFree(callback);
  return { slots, told, callbackOf: (name: string) => callbacks.get(name)! };
}

describe('slots', () => {
  it('count what is taken and what is free', () => {
    const { slots } = slotsFor(3);
    slots.take();
    slots.take();
    expect([slots.limit, slots.used, slots.free]).toEqual([3, 2, 1]);
    slots.give();
    expect([slots.used, slots.free]).toEqual([1, 2]);
  });

  it('tell everybody who waits when one is given back', () => {
    const { slots, told } = slotsFor(1, 'receiver', 'worker');
    slots.take();
    expect(told).toEqual([]);
    slots.give();
    expect(told).toEqual(['receiver', 'worker']);
  });

  it('are free by then', () => {
    const slots = new Slots(1);
    const free: number[] = [];
    slots.onFree(() => void free.push(slots.free));
    slots.take();
    slots.give();
    expect(free).toEqual([1]);
  });

  it.each([
    ['nobody when it is alone', ['worker'], []],
    ['only the others', ['receiver', 'worker', 'reader'], ['receiver', 'reader']],
  ])('tell, when one goes on by itself, %s', (_, names, expected) => {
    const { slots, told, callbackOf } = slotsFor(1, ...names);
    slots.take();
    slots.give(callbackOf('worker'));
    expect(told).toEqual(expected);
  });

  it('tell who waits only once, however often it has said so', () => {
    const { slots, told, callbackOf } = slotsFor(1, 'worker');
    slots.onFree(callbackOf('worker'));
    slots.take();
    slots.give();
    expect(told).toEqual(['worker']);
  });

  it('let another take what is given back before the one who gives it', () => {
    const slots = new Slots(1);
    const ran: string[] = [];
    const runs = (name: string) => {
      const fill = () => {
        if (slots.free === 0) return;
        slots.take();
        ran.push(name);
      };
      slots.onFree(fill);
      return fill;
    };
    const [one, other] = [runs('one'), runs('other')];
    one();
    slots.give(one);
    slots.give(other);
    expect(ran).toEqual(['one', 'other', 'one']);
  });
});
