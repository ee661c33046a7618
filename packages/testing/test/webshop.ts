import { defineEvent, defineRequest, type EventData } from '@belfry/contracts';
import { type MessageContext, Publisher, Requester } from '@belfry/core';
import { Respond, Subscribe } from '@belfry/handlers';
import { ContainerModule, inject } from 'inversify';
import { expect } from 'vitest';
import { z } from 'zod';
import type { Exploration } from '../src/index.js';

// Four services that use most of what there is: durable events with keys, ids and commits, transient ones that are read again, requests and streams.

const id = z.object({ id: z.string() });

export const OrderPlaced = defineEvent('orders.placed', {
  schema: id.extend({ customer: z.string() }),
  guarantee: 'durable',
  key: ({ customer }) => customer,
});
export const PaymentTaken = defineEvent('payments.taken', { schema: id, guarantee: 'durable' });
/** Its id is soon forgotten: what keeps it from being handled twice is the group, which remembers for longer. */
export const ReceiptPrinted = defineEvent('receipts.printed', {
  schema: id,
  guarantee: 'durable',
  duplicateWindow: '1s',
});
export const OrderShown = defineEvent('board.shown', { schema: id, recover: {} });
export const QuotePrice = defineRequest('pricing.quote', { input: id, output: z.int(), timeout: '2s' });
export const ListParts = defineRequest('stock.parts', { input: id, output: z.int(), stream: true, timeout: '2s' });

/** Outlives every instance, as a database does. */
class Database {
  /** Orders in the order in which each customer's were paid, the first time. */
  readonly paid: { readonly id: string; readonly customer: string }[] = [];
}

class Billing {
  constructor(
    @inject(Publisher) private readonly publisher: Publisher,
    @inject(Requester) private readonly requester: Requester,
    @inject(Database) private readonly database: Database,
  ) {}

  @Subscribe(OrderPlaced)
  async charge({ id, customer }: EventData<typeof OrderPlaced>) {
    expect(await this.requester.request(QuotePrice, { id })).toBe(5);
    const parts: number[] = [];
    for await (const part of this.requester.request(ListParts, { id })) parts.push(part);
    expect(parts).toEqual([0, 1, 2]);
    if (!this.database.paid.some((order) => order.id === id)) this.database.paid.push({ id, customer });
    await this.publisher.publish(PaymentTaken, { id }, { id: `paid-${id}` });
    await this.publisher.publish(ReceiptPrinted, { id }, { id: `receipt-${id}` });
    await this.publisher.publish(OrderShown, { id });
  }
}

class Shipping {
  @Subscribe(PaymentTaken)
  async ship({ id }: EventData<typeof PaymentTaken>, { commit }: MessageContext) {
    await commit(['RPUSH', 'shipped', id]);
  }

  @Subscribe(ReceiptPrinted, { once: '1d' })
  async file({ id }: EventData<typeof ReceiptPrinted>, { commit }: MessageContext) {
    await commit(['RPUSH', 'filed', id]);
  }
}

class Pricing {
  @Respond(QuotePrice)
  quote() {
    return 5;
  }

  @Respond(ListParts)
  async *parts() {
    for (let part = 0; part < 3; part++) yield part;
  }
}

class Board {
  @Subscribe(OrderShown, { broadcast: true })
  show() {}
}

/** Whatever goes wrong: every order is paid, in the order of its customer, and shipped and filed once. */
export async function shop({ startHarness, random }: Exploration): Promise<void> {
  const database = new Database();
  const modules = [new ContainerModule(({ bind }) => void bind(Database).toConstantValue(database))];
  await using harness = await startHarness({
    name: 'billing',
    handlers: [Billing],
    modules,
    instances: 2,
    services: [
      { name: 'shipping', handlers: [Shipping], instances: 2 },
      { name: 'pricing', handlers: [Pricing], instances: 2 },
      { name: 'board', handlers: [Board] },
    ],
  });
  const customers = ['ann', 'bob', 'carol'];
  const orders = Array.from({ length: 3 + random.below(6) }, (_, n) => ({
    id: `o-${n}`,
    customer: random.pick(customers),
  }));
  for (const order of orders) await harness.publish(OrderPlaced, order);
  await harness.settled();
  for (const each of customers)
    expect(database.paid.filter(({ customer }) => customer === each)).toEqual(
      orders.filter(({ customer }) => customer === each),
    );
  for (const list of ['shipped', 'filed']) {
    const ids = harness.commits.flatMap(([command]) => (command?.[1] === list ? [command[2]] : []));
    expect(ids.sort()).toEqual(orders.map(({ id }) => id));
  }
}
