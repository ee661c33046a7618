import { defineEvent, type EventData, Subscribe } from 'belfry';
import { z } from 'zod';

// #region contract
export const PriceChanged = defineEvent('prices.changed', {
  schema: z.object({ sku: z.string(), cents: z.int() }),
  recover: { age: '10m', count: 5000 }, // `{}`: an hour, ten thousand events
});
export type PriceChanged = EventData<typeof PriceChanged>;
// #endregion contract

// #region board
export class PriceBoard {
  readonly prices = new Map<string, number>();

  // What was missed during an interruption comes first, in its order, and each event once.
  @Subscribe(PriceChanged, { broadcast: true, concurrency: 1, drop: 'oldest' })
  show({ sku, cents }: PriceChanged) {
    this.prices.set(sku, cents);
  }
}
// #endregion board
