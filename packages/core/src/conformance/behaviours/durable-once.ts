import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Booked, type Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, appender, envelopeOf, untilDead, untilStands } from '../logs.js';
import { until } from '../waiting.js';

const WINDOW = 100;

/** `n` says which of the copies it is. */
const copy = (n: number): string => envelopeOf(Booked, { n }, { id: 'order-7' });

/** What a group has completed need not be done again. */
export const durableOnce = [
  behaviour(
    'drops an event that its group has completed before, counts it, and leaves it to others',
    ['durable events'],
    async (world) => {
      const [once, other, audit] = [...(await world.buses(2, 'once')), await world.bus('audit')];
      const append = await appender(world, Booked);
      const [inbox, elsewhere, audited] = [new Inbox<Numbered>(), new Inbox<Numbered>(), new Inbox<Numbered>()];
      const subscription = await once!.subscribe(Booked, inbox.take, { once: '1d' });
      await audit!.subscribe(Booked, audited.take);
      await append(copy(0));
      await untilStands(audit!, Booked, 'once', ALL_DONE);
      await append(copy(1));
      await untilStands(audit!, Booked, 'once', ALL_DONE);
      await until(() => subscription.stats.durable?.repeated === 1, 'the second one to be counted');
      await subscription.end();
      await other!.subscribe(Booked, elsewhere.take, { once: '1d' });
      await append(copy(2));
      await append(envelopeOf(Booked, { n: 3 }, { id: 'order-8' }));
      await untilStands(audit!, Booked, 'once', { ...ALL_DONE, deadLetters: 0, lost: 0 });
      await untilStands(audit!, Booked, 'audit', ALL_DONE);
      expect(inbox.data).toEqual([{ n: 0 }]);
      expect(elsewhere.data, 'also when another instance completed it').toEqual([{ n: 3 }]);
      expect(audited.data.map(({ n }) => n)).toEqual([0, 1, 2, 3]);
      expect(subscription.stats).toMatchObject({ received: 1, handled: 1 });
    },
  ),

  behaviour('drops it also among the events of a key, and goes on with the next', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const append = await appender(world, Booked);
    const inbox = new Inbox<Numbered>();
    await worker.subscribe(Booked, inbox.take, { once: '1d' });
    await append(copy(0));
    await inbox.first(1);
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
    const bodies = [
      envelopeOf(Booked, { n: 1 }, { id: 'x' }),
      copy(2),
      copy(3),
      envelopeOf(Booked, { n: 4 }, { id: 'y' }),
    ];
    await Promise.all(bodies.map((body) => append(body, 'a')));
    expect(await inbox.first(3)).toEqual([{ n: 0 }, { n: 1 }, { n: 4 }]);
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
  }),

  behaviour('handles again what comes again after the time of once', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const append = await appender(world, Booked);
    const inbox = new Inbox<Numbered>();
    const { stats } = await worker.subscribe(Booked, inbox.take, { once: WINDOW });
    const began = performance.now();
    await append(copy(0));
    await inbox.first(1);
    let copies = 0;
    const isHandled = async () => {
      await append(copy(++copies));
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      return inbox.size === 2;
    };
    await until(isHandled, 'the mark to be forgotten');
    expect(performance.now() - began).toBeGreaterThan(WINDOW - 5);
    expect(stats.durable?.repeated).toBe(copies - 1);
  }),

  behaviour(
    'tries again what has failed, and handles what is replayed: that was not completed',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const calls: number[] = [];
      const handle = ({ n }: Numbered) => {
        calls.push(n);
        if (calls.length < 5) throw new Error('not yet');
      };
      const options = { once: '1d', retry: { attempts: 3, backoff: { delay: 1 } } } as const;
      const { stats } = await worker.subscribe(Booked, handle, options);
      await publisher.publish(Booked, { n: 0 }, { id: 'order-7' });
      await untilDead(publisher, Booked, 'worker', 1);
      await publisher.inspect(Booked).deadLetters('worker').replay('all');
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0 });
      expect(calls).toHaveLength(5);
      expect(stats.durable).toMatchObject({ repeated: 0, retried: 3, deadLettered: 1 });
    },
  ),
];
