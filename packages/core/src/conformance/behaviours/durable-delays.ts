import { expect } from 'vitest';
import type { Bus } from '../../bus.js';
import type { MessageContext } from '../../context.js';
import type { PublishOptions } from '../../publication.js';
import { behaviour } from '../behaviour.js';
import { Booked, Counted, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilStands } from '../logs.js';
import { pause, until } from '../waiting.js';

/** What a clock may be off by: brokers count in whole milliseconds. */
const TICK = 2;
/** "To about a second", and what a machine under load may add. */
const ABOUT = 2000;

const ways = [
  { how: 'delay', options: () => ({ delay: '80ms' }) as const },
  { how: 'at', options: () => ({ at: new Date(Date.now() + 80) }) },
];

/** Publishes something for later and calls it off, with more time when that came too late: a machine may be slow. */
async function callOff(publisher: Bus, by: Bus, first: number, options: (delay: number) => PublishOptions) {
  for (let n = first; ; n *= 2) {
    const { id } = await publisher.publish(Booked, { n }, options(n));
    if (await by.cancel(Booked, id!)) return { n, id: id! };
    expect(n, 'it would have been early enough').toBeLessThan(5000);
  }
}

/** An event may be published now for later. */
export const durableDelays = [
  ...ways.map(({ how, options }) =>
    behaviour(
      `publishes an event with "${how}" when its time has come, and not before`,
      ['durable events'],
      async (world) => {
        const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
        const inbox = new Inbox<Numbered>();
        let arrivedAt = 0;
        const handle = (data: Numbered, context: MessageContext) => {
          arrivedAt = performance.now();
          inbox.take(data, context);
        };
        await worker.subscribe(Booked, handle, { concurrency: 1 });
        const [began, beganAt] = [performance.now(), Date.now()];
        const receipt = await publisher.publish(Booked, { n: 0 }, options());
        expect(receipt).toEqual({ broadcast: 0, groups: { worker: 1 }, id: receipt.id, due: expect.any(Date) });
        expect(Math.abs(receipt.due!.getTime() - beganAt - 80)).toBeLessThan(ABOUT);
        expect(await inbox.first(1)).toEqual([{ n: 0 }]);
        expect(arrivedAt - began).toBeGreaterThan(80 - TICK);
        expect(arrivedAt - began).toBeLessThan(80 + ABOUT);
        expect(inbox.contexts[0]?.messageId).toBe(receipt.id);
      },
    ),
  ),

  behaviour(
    'publishes delayed events in the order in which they are due, with their keys',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const inbox = new Inbox<Numbered>();
      await worker.subscribe(Booked, inbox.take, { concurrency: 1 });
      await Promise.all([
        publisher.publish(Booked, { n: 3 }, { delay: 60, key: 'three: é-:' }),
        publisher.publish(Booked, { n: 1 }, { delay: 20 }),
        publisher.publish(Booked, { n: 2 }, { delay: 40, id: 'two', key: '12:' }),
      ]);
      expect(await inbox.first(3)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      expect(inbox.contexts.map(({ key }) => key)).toEqual([undefined, '12:', 'three: é-:']);
    },
  ),

  behaviour('publishes at once what was due in the past', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const inbox = new Inbox<Numbered>();
    await worker.subscribe(Booked, inbox.take);
    const began = performance.now();
    await publisher.publish(Booked, { n: 0 }, { at: new Date(Date.now() - 60_000) });
    expect(await inbox.first(1)).toEqual([{ n: 0 }]);
    expect(performance.now() - began).toBeLessThan(ABOUT);
  }),

  behaviour(
    'publishes a delayed event although its publisher has ended, and for a group that comes late',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const inbox = new Inbox<Numbered>();
      const [second, first, third] = await Promise.all([
        publisher.publish(Booked, { n: 1 }, { delay: 40 }),
        publisher.publish(Booked, { n: 0 }, { delay: 20 }),
        publisher.publish(Booked, { n: 2 }, { delay: 150 }),
      ]);
      await publisher.close();
      await pause(60); // two of them come due while nobody is there
      await worker.subscribe(Booked, inbox.take, { concurrency: 1 });
      expect(await inbox.first(3), 'in the order in which they were due').toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
      expect(inbox.contexts.map(({ messageId }) => messageId)).toEqual([first.id, second.id, third.id]);
    },
  ),

  behaviour(
    'brings a delayed event to broadcast subscribers, also where there is no group',
    ['durable events'],
    async (world) => {
      const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('subscriber')];
      const inbox = new Inbox<Numbered>();
      await subscriber.subscribe(Booked, inbox.take, { broadcast: true });
      const began = performance.now();
      await publisher.publish(Booked, { n: 0 }, { delay: 20 });
      expect(await inbox.first(1)).toEqual([{ n: 0 }]);
      expect(performance.now() - began).toBeGreaterThan(20 - TICK);
      expect(performance.now() - began).toBeLessThan(20 + ABOUT);
    },
  ),

  behaviour('calls a delayed event off by its id, as long as it is delayed', ['durable events'], async (world) => {
    const [publisher, other, worker] = [
      await world.bus('publisher'),
      await world.bus('other'),
      await world.bus('worker'),
    ];
    const inbox = new Inbox<Numbered>();
    await worker.subscribe(Booked, inbox.take, { concurrency: 1 });
    const plain = await callOff(publisher, other, 50, (delay) => ({ delay }));
    const named = await callOff(publisher, other, 51, (delay) => ({ delay, id: `order ${delay}` }));
    expect(await publisher.cancel(Booked, plain.id)).toBe(false);
    const again = await publisher.publish(Booked, { n: 1 }, { id: named.id });
    expect(again, 'the id of what was called off is free').not.toHaveProperty('duplicate');
    // What was called off would have been due before this one.
    const last = await publisher.publish(Booked, { n: 2 }, { delay: Math.max(plain.n, named.n) });
    await until(() => inbox.data.some(({ n }) => n === 2), 'the last one');
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    const came = inbox.data.map(({ n }) => n);
    expect(came).toContain(1);
    expect(came).not.toContain(plain.n);
    expect(came).not.toContain(named.n);
    expect(await publisher.cancel(Booked, last.id!), 'it has been published').toBe(false);
    expect(await publisher.cancel(Booked, 'never')).toBe(false);
    await expect(publisher.cancel(Counted, last.id!)).rejects.toMatchObject({ code: 'CONTRACT_INVALID' });
  }),

  behaviour('knows the id of a delayed event again, before its time and after', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const inbox = new Inbox<Numbered>();
    await worker.subscribe(Booked, inbox.take, { concurrency: 1 });
    const { id, groups } = await publisher.publish(Booked, { n: 9 }, { id: 'order-9', delay: '1h' });
    const early = await publisher.publish(Booked, { n: 8 }, { id: 'order-9' });
    expect(early).toEqual({ broadcast: 0, groups, id, duplicate: true });
    await publisher.publish(Booked, { n: 0 }, { id: 'order-7', delay: 20 });
    await inbox.first(1);
    const late = await publisher.publish(Booked, { n: 1 }, { id: 'order-7', delay: 5 });
    expect(late, 'by now it has a place').toEqual({ ...early, id: 'order-7', entry: expect.any(String) });
    await publisher.publish(Booked, { n: 3 });
    await until(() => inbox.size > 1, 'the next event');
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    expect(inbox.data).toEqual([{ n: 0 }, { n: 3 }]);
  }),
];
