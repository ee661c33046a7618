import type { Bus, Subscription } from 'belfry';
import { OrderShipped } from './messages.js';

// #region bus
/** Tells of shipments until it is ended. */
export async function follow(bus: Bus, tell: (line: string) => void): Promise<Subscription> {
  const subscription = await bus.subscribe(OrderShipped, ({ orderId, carrier }) => tell(`${orderId} by ${carrier}`), {
    broadcast: true,
  });
  tell(`following, as one of ${bus.subscriptions.length}`);
  return subscription; // subscription.stats counts; subscription.end() handles what has arrived, and leaves
}
// #endregion
