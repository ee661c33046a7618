import { type Exploration, explore, fakeResponder, override } from '@belfry/testing';
import { expect, it } from 'vitest';
import { bank } from './bank.js';
import { Bank, Billing, OrderPlaced, QuotePrice } from './billing.js';

// #region scenario
/** A bank that knows an order when it sees it again. Outlives every instance of billing, as a real one does. */
class CarefulBank extends Bank {
  readonly taken = new Map<string, number>();

  async take(order: string, cents: number) {
    if (!this.taken.has(order)) this.taken.set(order, cents);
  }
}

const sell =
  (Account: new () => Bank & { readonly taken: Map<string, number> }) =>
  async ({ startHarness }: Exploration) => {
    const account = new Account();
    await using harness = await startHarness({
      name: 'billing',
      handlers: [Billing],
      modules: [bank],
      overrides: [override(Bank, account)],
      responders: [fakeResponder(QuotePrice, () => ({ cents: 100 }))],
      instances: 2,
    });
    for (const order of ['o-1', 'o-2', 'o-3']) await harness.publish(OrderPlaced, { order, sku: 'bell' });
    await harness.settled();
    expect(Object.fromEntries(account.taken)).toEqual({ 'o-1': 100, 'o-2': 100, 'o-3': 100 });
  };

it('takes the money once, whoever crashes, stands still or hears things twice', async () => {
  await explore(sell(CarefulBank), { seeds: 50 });
});
// #endregion

class NaiveBank extends CarefulBank {
  override async take(order: string, cents: number) {
    this.taken.set(order, (this.taken.get(order) ?? 0) + cents);
  }
}

it('shows how it can go wrong', async () => {
  const error: Error = await explore(sell(NaiveBank), { seeds: 50 }).catch((reason) => reason);
  expect(error.message).toMatch(/^Seed \d+ fails: /);
  if (process.env.SHOW) console.log(error.message);
});
