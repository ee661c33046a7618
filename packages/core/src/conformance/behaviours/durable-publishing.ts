import { defineEvent } from '@belfry/contracts';
import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Booked, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilStands } from '../logs.js';
import { anything } from '../schemas.js';
import { until } from '../waiting.js';

const WINDOW = 150;
const BrieflyKnown = defineEvent('conformance.briefly-known', {
  schema: anything<Numbered>(),
  guarantee: 'durable',
  duplicateWindow: WINDOW,
});

/** By the numbers in them: places in a log are told like that. */
const { compare } = new Intl.Collator('en', { numeric: true });

/** A durable event is in the log when its publish resolves. */
export const durablePublishing = [
  behaviour(
    'resolves with the id of a durable event and its place in the log, a later one for each',
    ['durable events'],
    async (world) => {
      const [publisher, late] = [await world.bus('publisher'), await world.bus('late')];
      const receipts = [await publisher.publish(Booked, { n: 0 }), await publisher.publish(Booked, { n: 1 })];
      receipts.push(...(await Promise.all([2, 3, 4].map((n) => publisher.publish(Booked, { n })))));
      for (const receipt of receipts) {
        const { id, entry } = receipt;
        expect(receipt).toEqual({ broadcast: 0, groups: {}, id, entry });
      }
      const entries = receipts.map(({ entry }) => entry as string);
      expect(entries.toSorted(compare)).toEqual(entries);
      expect(new Set(entries).size).toBe(5);
      expect(new Set(receipts.map(({ id }) => id)).size).toBe(5);
      const inbox = new Inbox<Numbered>();
      await late.subscribe(Booked, inbox.take, { concurrency: 1 });
      expect(await inbox.first(5), 'nobody listened when they were published').toEqual(numbers(5).map((n) => ({ n })));
      expect(inbox.contexts.map(({ messageId }) => messageId)).toEqual(receipts.map(({ id }) => id));
    },
  ),

  behaviour(
    'does nothing when an id is published again: the receipt says so, and names the first entry',
    ['durable events'],
    async (world) => {
      const [publisher, other, worker] = [
        await world.bus('publisher'),
        await world.bus('other'),
        await world.bus('worker'),
      ];
      const inbox = new Inbox<Numbered>();
      await worker.subscribe(Booked, inbox.take, { concurrency: 1 });
      const first = await publisher.publish(Booked, { n: 0 }, { id: 'order-7' });
      expect(first).toMatchObject({ id: 'order-7', entry: expect.any(String) });
      expect(first).not.toHaveProperty('duplicate');
      expect(await publisher.publish(Booked, { n: 1 }, { id: 'order-7' })).toEqual({ ...first, duplicate: true });
      const again = await other.publish(Booked, { n: 2 }, { id: 'order-7' });
      expect(again, 'whoever publishes it').toEqual({ ...first, duplicate: true });
      const [fresh, same, plain, last] = await Promise.all([
        publisher.publish(Booked, { n: 3 }, { id: 'order "8"' }),
        publisher.publish(Booked, { n: 4 }, { id: 'order "8"' }),
        publisher.publish(Booked, { n: 5 }),
        publisher.publish(Booked, { n: 6 }, { id: 'order-7' }),
      ]);
      expect(same, 'within one turn').toEqual({ ...fresh, duplicate: true });
      expect(last).toMatchObject({ entry: first.entry, duplicate: true });
      expect(new Set([first, fresh, plain].map(({ entry }) => entry)).size).toBe(3);
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(inbox.data).toEqual([{ n: 0 }, { n: 3 }, { n: 5 }]);
      expect(inbox.contexts.map(({ messageId }) => messageId)).toEqual(['order-7', 'order "8"', plain.id]);
    },
  ),

  behaviour('publishes an id again when its window is over', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const inbox = new Inbox<Numbered>();
    await worker.subscribe(BrieflyKnown, inbox.take, { concurrency: 1 });
    const began = performance.now();
    const first = await publisher.publish(BrieflyKnown, { n: 0 }, { id: 'order-7' });
    let n = 0;
    let receipt = first;
    const isPublished = async () => {
      receipt = await publisher.publish(BrieflyKnown, { n: ++n }, { id: 'order-7' });
      return receipt.duplicate === undefined;
    };
    await until(isPublished, 'the id to be forgotten');
    expect(performance.now() - began).toBeGreaterThan(WINDOW - 5);
    expect(receipt.entry).not.toBe(first.entry);
    await untilStands(publisher, BrieflyKnown, 'worker', ALL_DONE);
    expect(inbox.data).toEqual([{ n: 0 }, { n }]);
  }),
];
