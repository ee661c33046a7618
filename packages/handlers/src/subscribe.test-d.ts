import { defineChannel, defineEvent, type EventData } from '@belfry/contracts';
import type { MessageContext } from '@belfry/core';
import { expectTypeOf } from 'vitest';
import { z } from 'zod';
import { Subscribe } from './index.js';

const OrderPlaced = defineEvent('orders.placed', { schema: z.object({ orderId: z.string(), total: z.number() }) });
type OrderPlaced = EventData<typeof OrderPlaced>;
const OrderShipped = defineEvent('orders.shipped', {
  schema: z.object({ orderId: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
});
type OrderShipped = EventData<typeof OrderShipped>;
const OrderKept = defineEvent('orders.kept', {
  schema: z.object({ orderId: z.string(), total: z.number() }),
  guarantee: 'durable',
  retain: { age: '7d', count: 10_000, cap: 1_000_000 },
  duplicateWindow: '10m',
});
const Text = defineChannel('mychannel');
const Shaped = defineChannel('numbers', { schema: z.object({ n: z.number() }) });
const anything: readonly (typeof OrderPlaced | typeof OrderShipped)[] = [OrderPlaced, OrderShipped];

export class Fits {
  @Subscribe(OrderPlaced)
  both(order: OrderPlaced, context: MessageContext) {
    return [order, context];
  }

  @Subscribe(OrderPlaced, { group: 'audit', concurrency: 4, maxQueuedMessages: 10, maxQueuedBytes: 1024 })
  async asynchronous(_: OrderPlaced, { data }: MessageContext<typeof OrderPlaced>) {
    expectTypeOf(data).toEqualTypeOf<OrderPlaced>();
  }

  @Subscribe(OrderKept, {
    concurrency: 8,
    retry: { attempts: 5, backoff: { type: 'exponential', delay: '1s', maxDelay: '1m', factor: 2, jitter: 0.5 } },
    claimTimeout: '1m',
    from: 'now',
    once: '1d',
  })
  async durable(_: OrderPlaced, { attempt, commit }: MessageContext) {
    expectTypeOf(attempt).toEqualTypeOf<number>();
    await commit(['HINCRBY', 'counts', 'ORD', 1], ['SET', 'last', 'ORD']);
    // @ts-expect-error - a command has a name
    await commit([]);
    // @ts-expect-error - arguments are texts and numbers
    await commit(['SET', 'last', { at: 1 }]);
  }

  @Subscribe(OrderPlaced, { broadcast: true })
  nothing() {}

  @Subscribe(OrderPlaced)
  less(_: { orderId: string }) {}

  @Subscribe(OrderShipped)
  output({ at }: OrderShipped) {
    expectTypeOf(at).toEqualTypeOf<Date>();
  }

  @Subscribe([OrderPlaced, OrderShipped])
  union(data: OrderPlaced | OrderShipped, context: MessageContext<typeof OrderPlaced | typeof OrderShipped>) {
    if (context.type === 'orders.placed') expectTypeOf(context.data).toEqualTypeOf<OrderPlaced>();
    else expectTypeOf(context.data).toEqualTypeOf<OrderShipped>();
    return data;
  }

  @Subscribe([OrderPlaced, OrderShipped], { group: 'supertype' })
  supertype(_: { orderId: string }) {}

  @Subscribe(anything)
  list(_: OrderPlaced | OrderShipped) {}

  @Subscribe(OrderPlaced, { group: 'first' })
  @Subscribe(OrderShipped)
  several(_: { orderId: string }) {}

  @Subscribe('orders.**')
  pattern(data: unknown, { type }: MessageContext) {
    expectTypeOf(type).toEqualTypeOf<string>();
    return data;
  }

  @Subscribe(Text)
  text(_: string) {}

  @Subscribe(Shaped, { concurrency: 1, broadcast: true })
  shaped(_: { n: number }) {}

  @Subscribe([OrderPlaced, Text])
  mixed(_: OrderPlaced | string) {}

  @Subscribe(OrderPlaced)
  protected hidden(_: OrderPlaced) {}
}

export class DoesNotFit {
  // @ts-expect-error - the handler expects another payload
  @Subscribe(OrderPlaced)
  another(_: { orderId: number }) {}

  // @ts-expect-error - the handler asks for a field that the event does not have
  @Subscribe(OrderPlaced)
  more(_: { orderId: string; customer: string }) {}

  // @ts-expect-error - the handler gets the schema's output, a Date, not its input
  @Subscribe(OrderShipped)
  input(_: { at: string }) {}

  // @ts-expect-error - the handler covers only one of the contracts
  @Subscribe([OrderPlaced, OrderShipped])
  one(_: OrderPlaced) {}

  // @ts-expect-error - the context is of another event
  @Subscribe(OrderPlaced)
  context(_: OrderPlaced, __: MessageContext<typeof OrderShipped>) {}

  // @ts-expect-error - nobody gives a third argument
  @Subscribe(OrderPlaced)
  third(_: OrderPlaced, __: MessageContext, ___: string) {}

  // @ts-expect-error - what a pattern matches is unknown
  @Subscribe('orders.*')
  pattern(_: OrderPlaced) {}

  // @ts-expect-error - the payload of a channel without a schema is text
  @Subscribe(Text)
  text(_: number) {}

  // @ts-expect-error - one of two decorators does not fit
  @Subscribe(OrderShipped)
  @Subscribe(OrderPlaced)
  second(_: OrderPlaced) {}

  // @ts-expect-error - a static method has no instance
  @Subscribe(OrderPlaced)
  static shared(_: OrderPlaced) {}

  // @ts-expect-error - a property is no method
  @Subscribe(OrderPlaced)
  property = 1;
}

// @ts-expect-error - an unknown option
Subscribe(OrderPlaced, { retries: 3 });
// @ts-expect-error - a number of attempts, not a text
Subscribe(OrderKept, { retry: { attempts: '5' } });
// @ts-expect-error - no such backoff
Subscribe(OrderKept, { retry: { backoff: { type: 'linear' } } });
// @ts-expect-error - a group begins at one end or the other
Subscribe(OrderKept, { from: 'middle' });
// @ts-expect-error - a bare channel is not tried again
Subscribe(Text, { retry: { attempts: 5 } });
// @ts-expect-error - a number of messages, not a text
Subscribe(OrderPlaced, { concurrency: '4' });
// @ts-expect-error - a bare channel has no group
Subscribe(Text, { group: 'audit' });
// @ts-expect-error - a pattern has no group
Subscribe('orders.*', { group: 'audit' });
// @ts-expect-error - one of them is a bare channel
Subscribe([OrderPlaced, Text], { group: 'audit' });
// @ts-expect-error - a bare channel is always a broadcast
Subscribe(Text, { broadcast: false });
// @ts-expect-error - this is no contract
Subscribe({ name: 'orders.placed' });
// @ts-expect-error - a list of patterns is no source: write several decorators
Subscribe(['orders.*', 'payments.*']);
