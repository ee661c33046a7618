import { Subscribe } from 'belfry';
import { OrderPlaced } from './contracts.js';

// #region board
export class Board {
  readonly orders: string[] = [];

  @Subscribe(OrderPlaced, { broadcast: true })
  show({ orderId }: OrderPlaced) {
    this.orders.push(orderId);
  }
}
// #endregion board
