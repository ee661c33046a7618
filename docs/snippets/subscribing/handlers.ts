import { type MessageContext, NonRetryableError, Subscribe } from 'belfry';
import { Announcements, OrderPlaced, OrderShipped, PriceChanged } from './messages.js';

// #region first
export class Warehouse {
  readonly packed: string[] = [];

  @Subscribe(OrderPlaced)
  async pack({ orderId }: OrderPlaced) {
    this.packed.push(orderId);
  }
}
// #endregion

// #region groups
export class Prices {
  readonly bySku = new Map<string, number>();
  readonly history: PriceChanged[] = [];

  // Every instance: each keeps a copy of its own.
  @Subscribe(PriceChanged, { broadcast: true, concurrency: 1, drop: 'oldest' })
  remember({ sku, cents }: PriceChanged) {
    this.bySku.set(sku, cents);
  }

  // One instance of this service, beside whoever shares the default group.
  @Subscribe(PriceChanged, { group: 'warehouse.history' })
  record(change: PriceChanged) {
    this.history.push(change);
  }
}
// #endregion

// #region several
export class Tracking {
  readonly lines: string[] = [];

  @Subscribe([OrderPlaced, OrderShipped], { group: 'tracking' })
  follow(_order: OrderPlaced | OrderShipped, { type, data }: MessageContext<typeof OrderPlaced | typeof OrderShipped>) {
    // `type` narrows `data`, which is the same as the first argument.
    if (type === 'orders.shipped') this.lines.push(`${data.orderId} left with ${data.carrier}`);
    else this.lines.push(`${data.orderId} is being packed`);
  }
}
// #endregion

// #region patterns
export class Radio {
  readonly heard: string[] = [];

  @Subscribe('orders.**')
  event(data: unknown, { type, version, source }: MessageContext) {
    this.heard.push(`${type} (version ${version}) of ${source?.split('/')[1]}: ${Object.keys(data as object)}`);
  }

  @Subscribe(Announcements)
  text(text: string) {
    this.heard.push(text);
  }
}
// #endregion

// #region retry
export class Labels {
  readonly printed: string[] = [];

  @Subscribe(OrderPlaced, { group: 'labels', retry: { attempts: 4, backoff: { delay: '1s' } }, once: '1d' })
  async print({ orderId }: OrderPlaced, { attempt }: MessageContext) {
    if (orderId === '') throw new NonRetryableError('an order without a number'); // to the dead letters at once
    if (attempt < 3) throw new Error('the printer is out of paper'); // again, after a pause
    this.printed.push(`${orderId}, in attempt ${attempt}`);
  }
}
// #endregion
