import { fakePublisher, fakeRequester, fakeResponder } from '@belfry/testing';
import { expect, it } from 'vitest';
import '@belfry/testing/vitest';
import { Billing, PaymentTaken, QuotePrice } from './billing.js';

// #region unit
it('charges what the order costs', async () => {
  const publisher = fakePublisher();
  const quotes = fakeResponder(QuotePrice, () => ({ cents: 1250 }));
  const billing = new Billing(publisher, fakeRequester(quotes), { take: async () => {} });

  await billing.charge({ order: 'o-1', sku: 'bell' });

  expect(quotes.asked).toEqual([{ sku: 'bell' }]);
  expect(publisher.published(PaymentTaken).map(({ data }) => data)).toEqual([{ order: 'o-1', cents: 1250 }]);
  await expect(publisher).toHavePublished(PaymentTaken, { order: 'o-1' }); // the same, as a matcher
});
// #endregion
