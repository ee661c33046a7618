import { expect } from 'vitest';
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
        const handle = (data: Numbered, context: Inbox['contexts'][number]) => {
          if (data.n === 0) arrivedAt = performance.now();
          inbox.take(data, context);
        };
        await worker.subscribe(Booked, handle, { concurrency: 1 });
        const [began, beganAt] = [performance.now(), Date.now()];
        const receipt = await publisher.publish(Booked, { n: 0 }, options());
        expect(receipt).toEqual({ broadcast: 0, groups: { worker: 1 }, id: receipt.id, due: expect.any(Date) });
        expect(Math.abs(receipt.due!.getTime() - beganAt - 80)).toBeLessThan(ABOUT);
        await publisher.publish(Booked, { n: 1 });
        expect(await inbox.first(2)).toEqual([{ n: 1 }, { n: 0 }]);
        expect(arrivedAt - began).toBeGreaterThan(80 - TICK);
        expect(arrivedAt - began).toBeLessThan(80 + ABOUT);
        expect(inbox.contexts[1]?.messageId).toBe(receipt.id);
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
      const second = await publisher.publish(Booked, { n: 1 }, { delay: 40 });
      const first = await publisher.publish(Booked, { n: 0 }, { delay: 20 });
      const third = await publisher.publish(Booked, { n: 2 }, { delay: 150 });
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
    const [off] = await Promise.all([
      publisher.publish(Booked, { n: 0 }, { delay: 40 }),
      publisher.publish(Booked, { n: 1 }, { delay: 41, id: 'order-7' }),
      publisher.publish(Booked, { n: 2 }, { delay: 60, id: 'order-8' }),
    ]);
    expect(await other.cancel(Booked, off.id!), 'by anybody').toBe(true);
    expect(await publisher.cancel(Booked, off.id!)).toBe(false);
    expect(await publisher.cancel(Booked, 'order-7')).toBe(true);
    const again = await publisher.publish(Booked, { n: 3 }, { id: 'order-7' });
    expect(again, 'the id of what was called off is free').not.toHaveProperty('duplicate');
    // What was called off would have been due before this one.
    expect(await inbox.first(2)).toEqual([{ n: 3 }, { n: 2 }]);
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    expect(inbox.size).toBe(2);
    expect(await publisher.cancel(Booked, 'order-8'), 'it has been published').toBe(false);
    expect(await publisher.cancel(Booked, 'never')).toBe(false);
    await expect(publisher.cancel(Counted, 'order-8')).rejects.toMatchObject({ code: 'CONTRACT_INVALID' });
  }),

  behaviour('knows the id of a delayed event again, before its time and after', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const inbox = new Inbox<Numbered>();
    await worker.subscribe(Booked, inbox.take, { concurrency: 1 });
    const { id, groups } = await publisher.publish(Booked, { n: 0 }, { id: 'order-7', delay: 40 });
    const early = await publisher.publish(Booked, { n: 1 }, { id: 'order-7' });
    expect(early).toEqual({ broadcast: 0, groups, id, duplicate: true });
    await inbox.first(1);
    const late = await publisher.publish(Booked, { n: 2 }, { id: 'order-7', delay: 5 });
    expect(late, 'by now it has a place').toEqual({ ...early, entry: expect.any(String) });
    await publisher.publish(Booked, { n: 3 });
    await until(() => inbox.size > 1, 'the next event');
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    expect(inbox.data).toEqual([{ n: 0 }, { n: 3 }]);
  }),
];
