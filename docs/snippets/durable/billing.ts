import { inject, type MessageContext, NonRetryableError, RetryLaterError, Subscribe } from 'belfry';
import { OrderPlaced } from './contracts.js';

/** Who takes the money: a service of somebody else's. */
export abstract class Cards {
  abstract charge(
    customerId: string,
    cents: number,
    options: { readonly idempotencyKey: string; readonly signal: AbortSignal },
  ): Promise<'paid' | 'declined' | 'closed'>;
}

// #region handler
export class Billing {
  constructor(@inject(Cards) private readonly cards: Cards) {}

  @Subscribe(OrderPlaced, { retry: { attempts: 5, backoff: { delay: '1s' } }, once: '1d' })
  async charge({ orderId, customerId, cents }: OrderPlaced, { messageId, signal }: MessageContext) {
    // It may be called again for the same order. Who does not take money back must be told so.
    const answer = await this.cards.charge(customerId, cents, { idempotencyKey: messageId, signal });
    if (answer === 'closed') throw new RetryLaterError('10m'); // an attempt as any other, with a pause of our choice
    if (answer === 'declined') throw new NonRetryableError(`nobody pays ${orderId}`); // to the dead letters at once
  }
}
// #endregion handler
