import { defineEvent, type EventData, type MessageContext, NonRetryableError, Subscribe } from 'belfry';
import { z } from 'zod';

// #region ledger
export const PaymentTaken = defineEvent('payments.taken', {
  schema: z.object({ account: z.string(), cents: z.int() }),
  guarantee: 'durable', // it is in a Redis Stream before publish() resolves
  key: (payment) => payment.account, // an account's payments in their order, through retries and crashes
});
export type PaymentTaken = EventData<typeof PaymentTaken>;

// #region class
export class Ledger {
  @Subscribe(PaymentTaken, { retry: { attempts: 5 } })
  async book({ account, cents }: PaymentTaken, { channel, commit }: MessageContext) {
    if (cents === 0) throw new NonRetryableError('nothing was paid'); // to the dead letters at once
    // Acknowledges and books in one step: both, or neither.
    await commit(['HINCRBY', `{${channel}}:balances`, account, cents]);
  }
}
// #endregion class
// #endregion ledger
