import type { Bus } from 'belfry';
import { OrderPlaced, QuotePrice } from './contracts.js';

export async function sell(bus: Bus): Promise<{ cents: number }> {
  // #region shop
  await bus.publish(OrderPlaced, { orderId: 'o-1', cents: 1250 });

  const price = await bus.request(QuotePrice, { sku: 'bell' }, { timeout: '5s' });
  // #endregion
  return price;
}
