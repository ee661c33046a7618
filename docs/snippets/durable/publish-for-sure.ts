import { setTimeout as pause } from 'node:timers/promises';
import { BelfryError, type Publisher, type Receipt } from 'belfry';
import { OrderPlaced } from './contracts.js';

// #region publish
/** What may be over soon. After each of them the order may be in the log, or not. */
const passing: readonly string[] = ['TRANSPORT_UNAVAILABLE', 'PUBLISH_UNCONFIRMED', 'STORAGE_FULL'];

export async function publishForSure(publisher: Publisher, order: OrderPlaced): Promise<Receipt> {
  for (;;) {
    try {
      // The same id each time: what is there already is not appended again.
      return await publisher.publish(OrderPlaced, order, { id: order.orderId });
    } catch (error) {
      if (!BelfryError.is(error) || !passing.includes(error.code)) throw error;
    }
    await pause(500);
  }
}
// #endregion publish
