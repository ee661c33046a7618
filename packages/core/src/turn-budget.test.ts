import { afterEach, describe, expect, it, vi } from 'vitest';
import { nextTurn } from '../test/doubles.js';
import { TurnBudget } from './turn-budget.js';

// The real ones, also where a test puts others in their place.
const now = performance.now.bind(performance);
const { setImmediate: realImmediate } = globalThis;

/** Returns how long it has taken: longer than it should where others share the machine. */
function work(milliseconds: number): number {
  const began = now();
  while (now() < began + milliseconds);
  return now() - began;
}

/** The same, as a handler's. */
function spend(budget: TurnBudget, milliseconds: number): number {
  const began = budget.begin();
  const took = work(milliseconds);
  budget.spend(began);
  return took;
}

afterEach(() => vi.useRealTimers());

describe('the share of handlers in a turn of the event loop', () => {
  it('is spent after a while, under pressure sooner, and is there again in the next turn', async () => {
    let budget = new TurnBudget();
    expect(budget.isSpent(true)).toBe(false);
    while (spend(budget, 5) > 15) budget = new TurnBudget();
    expect([budget.isSpent(), budget.isSpent(true)]).toEqual([false, true]);
    spend(budget, 16);
    expect(budget.isSpent()).toBe(true);
    await nextTurn();
    expect(budget.isSpent(true)).toBe(false);
  });

  it.each([
    ['', 21, false],
    [' under pressure', 2, true],
  ])(
    'comes round%s: who waits longest goes on first, and nobody twice before everybody has had a turn',
    async (_, milliseconds, isPressed) => {
      const budget = new TurnBudget();
      const order: string[] = [];
      const goOn = (name: string) => () => {
        order.push(name);
        spend(budget, milliseconds);
        budget.later(goOn(name), isPressed);
      };
      spend(budget, milliseconds);
      for (const name of ['a', 'b', 'c']) budget.later(goOn(name), isPressed);
      while (order.length < 9) await nextTurn();
      expect(order.slice(0, 9).join('')).toBe('abcabcabc');
    },
  );

  it('does not keep those waiting that are not pressed', async () => {
    const budget = new TurnBudget();
    const order: string[] = [];
    spend(budget, 2);
    budget.arrived(); // so those under pressure leave the turn to the socket
    budget.later(() => order.push('pressed'), true);
    budget.later(() => order.push('other'));
    await nextTurn();
    expect(order).toEqual(['other']);
    while (order.length < 2) await nextTurn();
  });

  it('lets several go on in one turn as far as it reaches', async () => {
    const budget = new TurnBudget();
    let went = 0;
    spend(budget, 21);
    for (let n = 0; n < 5; n++)
      budget.later(() => {
        went++;
        spend(budget, 0);
      });
    await nextTurn();
    expect(went).toBe(5);
  });

  it('lets whatever else waits have a turn in between', async () => {
    const budget = new TurnBudget();
    const order: string[] = [];
    const goOn = () => {
      order.push('handlers');
      if (order.length < 9) {
        spend(budget, 21);
        budget.later(goOn);
      }
    };
    const other = () => {
      order.push('other');
      if (order.length < 9) realImmediate(other);
    };
    spend(budget, 21);
    budget.later(goOn);
    realImmediate(other);
    while (order.length < 9) await nextTurn();
    expect(order.join()).not.toContain('handlers,handlers');
  });

  it('leaves the next turns to the socket under pressure, until nothing comes in one of them', async () => {
    const budget = new TurnBudget();
    const mayGoOn: boolean[] = [];
    spend(budget, 10);
    for (const arrives of [true, true, false, true]) {
      if (arrives) budget.arrived();
      await nextTurn();
      mayGoOn.push(!budget.isSpent(true));
    }
    // What comes afterwards finds a handler that may go on: it has fallen behind only when it does not keep up.
    expect(mayGoOn).toEqual([false, false, true, true]);
  });

  it('does not stop where a test has put its own timers in place of the real ones', async () => {
    vi.useFakeTimers();
    const budget = new TurnBudget();
    const went = new Promise<void>((resolve) => budget.later(resolve));
    spend(budget, 21);
    expect(budget.isSpent()).toBe(true);
    await went;
    expect(budget.isSpent(true)).toBe(false);
  });
});
