import { describe, expect, it } from 'vitest';
import { StreamBudgets } from './stream-budget.js';

const CALLER = '/shop/00000000000000ca';

describe('the budget of all streams to one caller', () => {
  it('is spent at 2 MiB, and says when there is room again', () => {
    const budget = new StreamBudgets().open(CALLER);
    let woken = 0;
    const forget = budget.onRoom(() => woken++);
    budget.take(2_097_151);
    expect(budget.isSpent).toBe(false);
    budget.take(1000);
    expect(budget.isSpent).toBe(true);
    budget.give(500);
    expect([budget.isSpent, woken]).toEqual([true, 0]);
    budget.give(1000);
    expect([budget.isSpent, woken]).toEqual([false, 1]);
    forget();
    budget.give(1000);
    expect(woken).toBe(1);
  });

  it('is one for each caller, and gone with its last stream', () => {
    const budgets = new StreamBudgets();
    const [first, second, other] = [budgets.open(CALLER), budgets.open(CALLER), budgets.open('/shop/00000000000000cb')];
    expect([second === first, other === first]).toEqual([true, false]);
    budgets.close(CALLER);
    expect(budgets.open(CALLER)).toBe(first);
    budgets.close(CALLER);
    budgets.close(CALLER);
    expect(budgets.open(CALLER)).not.toBe(first);
  });
});
