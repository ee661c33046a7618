import { defineEvent, defineRequest, type EventData, RequestError, type RequestInput } from '@belfry/contracts';
import type { MessageContext, Publisher, Requester } from '@belfry/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fakeContext } from './fake-context.js';
import { fakePublisher } from './fake-publisher.js';
import { fakeRequester } from './fake-requester.js';
import { fakeResponder } from './fake-responder.js';

const OrderPlaced = defineEvent('orders.placed', {
  schema: z.object({ order: z.string(), customer: z.string().default('nobody') }),
  key: ({ order }) => order,
});
const Reminder = defineEvent('orders.reminder', { schema: z.object({ order: z.string() }), guarantee: 'durable' });
const Quote = defineRequest('pricing.quote', {
  input: z.object({ sku: z.string(), pieces: z.int().default(1) }),
  output: z.object({ cents: z.int(), until: z.iso.datetime().transform((text) => new Date(text)) }),
  errors: { UNKNOWN_SKU: z.object({ sku: z.string() }) },
});
const Count = defineRequest('numbers.count', { input: z.int(), output: z.int(), stream: true });
const until = '2026-01-01T00:00:00.000Z';

describe('a fake publisher', () => {
  class Shop {
    constructor(private readonly publisher: Publisher) {}
    sell = (order: string) => this.publisher.publish(OrderPlaced, { order });
  }

  it('keeps what is published, as it would travel', async () => {
    const publisher = fakePublisher();
    expect(await new Shop(publisher).sell('o-1')).toEqual({ broadcast: 0, groups: {} });
    await publisher.publish(OrderPlaced, { order: 'o-2' }, { key: 'other' });
    expect(publisher.published(OrderPlaced).map(({ data, key }) => ({ data, key }))).toEqual([
      { data: { order: 'o-1' }, key: 'o-1' },
      { data: { order: 'o-2' }, key: 'other' },
    ]);
    expect(publisher.published(OrderPlaced, { order: 'o-2' })).toHaveLength(1);
    expect(publisher.published(Reminder)).toEqual([]);
  });

  it('refuses what does not fit the contract', async () => {
    const publisher = fakePublisher();
    const mistake = publisher.publish(OrderPlaced, { order: 5 } as never);
    await expect(mistake).rejects.toMatchObject({ code: 'PAYLOAD_INVALID', issues: [{ path: 'order' }] });
    expect(publisher.facts).toEqual([]);
  });

  it('fails as a bus does, when it is told to', async () => {
    const publisher = fakePublisher();
    publisher.failWith(new Error('Redis is away'));
    await expect(new Shop(publisher).sell('o-1')).rejects.toThrow('Redis is away');
    publisher.failWith();
    await new Shop(publisher).sell('o-2');
    expect(publisher.facts).toHaveLength(1);
  });

  it('calls off what was published by its id', async () => {
    const publisher = fakePublisher();
    const { id = '' } = await publisher.publish(Reminder, { order: 'o-1' }, { delay: '1d' });
    expect(await publisher.cancel(Reminder, id)).toBe(true);
    expect(await publisher.cancel(Reminder, id)).toBe(false);
    expect(publisher.published(Reminder)).toEqual([]);
  });
});

describe('a fake requester', () => {
  const quotes = () =>
    fakeResponder(Quote, ({ sku, pieces }) => {
      if (sku === 'none') throw Quote.error('UNKNOWN_SKU', { sku });
      if (sku === 'broken') throw new Error('out of order');
      return { cents: pieces * 100, until };
    });
  const ask = (requester: Requester, sku: string) => requester.request(Quote, { sku });

  it('asks a responder, by the schemas of the contract', async () => {
    const responder = quotes();
    expect(await ask(fakeRequester(responder), 'bell')).toEqual({ cents: 100, until: new Date(until) });
    expect(responder.asked).toEqual([{ sku: 'bell', pieces: 1 }]);
    responder.answer(() => ({ cents: 7, until }));
    expect(await ask(fakeRequester(responder), 'bell')).toMatchObject({ cents: 7 });
  });

  it('gives errors as a bus does', async () => {
    const requester = fakeRequester(quotes());
    const error = await ask(requester, 'none').catch((reason) => reason);
    expect(error).toBeInstanceOf(RequestError);
    expect(Quote.isError(error, 'UNKNOWN_SKU') && error.data).toEqual({ sku: 'none' });
    await expect(ask(requester, 'broken')).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
    await expect(ask(fakeRequester(), 'bell')).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    await expect(requester.request(Quote, {} as never)).rejects.toMatchObject({ code: 'PAYLOAD_INVALID' });
    const wrong = fakeResponder(Quote, () => ({ cents: 0.5, until }));
    await expect(ask(fakeRequester(wrong), 'bell')).rejects.toMatchObject({ code: 'REPLY_INVALID' });
  });

  it('gives the values of a stream, and ends the generator that is left', async () => {
    let isOver = false;
    const counting = fakeResponder(Count, async function* (from) {
      try {
        for (let n = from; ; n++) yield n;
      } finally {
        isOver = true;
      }
    });
    const values: number[] = [];
    for await (const value of fakeRequester(counting).request(Count, 3)) {
      values.push(value);
      if (values.length === 3) break;
    }
    expect(values).toEqual([3, 4, 5]);
    expect(isOver).toBe(true);
  });
});

describe('a fake context', () => {
  class Ledger {
    async book({ order }: EventData<typeof Reminder>, { commit, attempt, channel }: MessageContext<typeof Reminder>) {
      if (attempt > 2) await commit(['SADD', channel, order]);
    }
  }

  it('is that of a first attempt, unless it is told otherwise', async () => {
    const first = fakeContext(Reminder, { order: 'o-1' });
    await new Ledger().book({ order: 'o-1' }, first);
    expect(first.commits).toEqual([]);
    const third = fakeContext(Reminder, { order: 'o-1' }, { attempt: 3 });
    await new Ledger().book({ order: 'o-1' }, third);
    expect(third.commits).toEqual([[['SADD', 'test:orders.reminder', 'o-1']]]);
    expect(third.messageId).not.toBe(first.messageId);
  });

  it('of a request has a deadline', () => {
    const input: RequestInput<typeof Quote> = { sku: 'bell', pieces: 1 };
    expect(fakeContext(Quote, input).deadline.getTime()).toBeGreaterThan(Date.now());
  });
});
