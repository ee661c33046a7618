import { defineRequest } from 'belfry';
import { z } from 'zod';

// #region quote
export const QuotePrice = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string(), pieces: z.int().positive().default(1) }),
  output: z.object({ cents: z.int() }),
  errors: {
    UNKNOWN_SKU: z.object({ sku: z.string() }), // what comes with it
    SHOP_CLOSED: null, // nothing does
  },
  timeout: '2s',
});
// #endregion quote

// #region stream
export const ListPrices = defineRequest('pricing.list', {
  input: z.object({ upTo: z.int() }),
  output: z.object({ sku: z.string(), cents: z.int() }), // each of the values
  stream: true,
});
// #endregion stream
