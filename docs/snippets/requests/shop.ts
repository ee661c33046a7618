import { inject, Requester } from 'belfry';
import { ListPrices, QuotePrice } from './contracts.js';

// #region request
export class Shop {
  constructor(@inject(Requester) private readonly requester: Requester) {}

  async priceTag(sku: string): Promise<string> {
    try {
      const { cents } = await this.requester.request(QuotePrice, { sku });
      return `${sku}: ${cents} cents`;
    } catch (error) {
      if (!QuotePrice.isError(error)) throw error;
      switch (error.code) {
        case 'UNKNOWN_SKU':
          return `${error.data.sku}: not for sale`; // the data that its schema describes
        case 'SHOP_CLOSED':
          return `${sku}: come back tomorrow`;
      }
    }
  }
}
// #endregion request

// #region iterate
export class Bargains {
  constructor(@inject(Requester) private readonly requester: Requester) {}

  async firstUpTo(cents: number): Promise<string | undefined> {
    for await (const price of this.requester.request(ListPrices, { upTo: cents })) {
      return price.sku; // leaving the loop stops the handler
    }
    return undefined;
  }
}
// #endregion iterate
