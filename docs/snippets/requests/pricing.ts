import { type RequestContext, type RequestInput, Respond } from 'belfry';
import { ListPrices, QuotePrice } from './contracts.js';

const prices = new Map([
  ['bell', 1250],
  ['rope', 300],
  ['tower', 990_000],
]);

// #region respond
export class Pricing {
  @Respond(QuotePrice, { concurrency: 8 })
  async quote({ sku, pieces }: RequestInput<typeof QuotePrice>) {
    const cents = prices.get(sku);
    if (cents === undefined) throw QuotePrice.error('UNKNOWN_SKU', { sku });
    return { cents: cents * pieces };
  }
}
// #endregion respond

// #region generator
export class PriceList {
  @Respond(ListPrices)
  async *list({ upTo }: RequestInput<typeof ListPrices>, { signal }: RequestContext) {
    try {
      for (const [sku, cents] of prices) {
        if (signal.aborted) return;
        if (cents <= upTo) yield { sku, cents };
      }
    } finally {
      // Runs however it ends: all values given, the caller has left its loop, or has died.
    }
  }
}
// #endregion generator
