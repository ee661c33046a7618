import { expect } from 'vitest';
import type { MessageContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Booked, KeyedBooked, type KeyedNumber, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilStands } from '../logs.js';
import { Gate, nextTurn, until } from '../waiting.js';

/** A broadcast of durable events is a reader of its own: it has no share in a group's work, and nobody waits for it. */
export const durableBroadcast = [
  behaviour(
    'brings every durable event to every instance, from the moment on at which it began',
    ['durable events'],
    async (world) => {
      const [publisher, first, second] = [await world.bus('publisher'), ...(await world.buses(2, 'board'))];
      const [one, other, shared] = [new Inbox<Numbered>(), new Inbox<Numbered>(), new Inbox<Numbered>()];
      await publisher.publish(Booked, { n: 0 });
      await first!.subscribe(Booked, one.take, { broadcast: true, concurrency: 1 });
      await first!.subscribe(Booked, shared.take);
      expect(await publisher.publish(Booked, { n: 1 })).toMatchObject({ broadcast: 1, groups: { board: 1 } });
      const subscription = await second!.subscribe(Booked, other.take, { broadcast: true, concurrency: 1 });
      const receipts = await Promise.all(numbers(300).map((n) => publisher.publish(Booked, { n: 2 + n })));
      for (const { broadcast } of receipts) expect(broadcast).toBe(2);
      await other.first(300);
      await subscription.end();
      expect(await publisher.publish(Booked, { n: 302 })).toMatchObject({ broadcast: 1 });
      expect((await one.first(302)).map(({ n }) => n)).toEqual(numbers(303).slice(1));
      expect(other.data.map(({ n }) => n)).toEqual(numbers(302).slice(2));
      await untilStands(publisher, Booked, 'board', ALL_DONE);
      expect(shared.data.map(({ n }) => n)).toEqual(numbers(303));
      expect(one.contexts[0]).toMatchObject({ group: undefined, attempt: 1, messageId: expect.any(String) });
      expect(one.contexts[1]?.messageId).toBe(receipts[0]!.id);
    },
  ),

  behaviour(
    'tries again by itself what a broadcast handler could not do, and gives it up without a dead letter',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const attempts: string[] = [];
      const handle = ({ n }: Numbered, { attempt }: MessageContext) => {
        attempts.push(`${n}.${attempt}`);
        if (n === 0 || (n === 1 && attempt < 3)) throw new Error('not yet');
      };
      const options = { broadcast: true, concurrency: 1, retry: { attempts: 3, backoff: { delay: 5 } } };
      const { stats } = await worker.subscribe(Booked, handle, options);
      await Promise.all(numbers(3).map((n) => publisher.publish(Booked, { n })));
      await until(() => stats.handled === 2 && stats.durable?.deadLettered === 1, 'all to come to their end');
      expect(attempts.slice(0, 3), 'others go on meanwhile').toEqual(['0.1', '1.1', '2.1']);
      expect(attempts.slice(3).toSorted()).toEqual(['0.2', '0.3', '1.2', '1.3']);
      expect(stats).toMatchObject({ received: 7, handled: 2, failed: 5, durable: { retried: 4, deadLettered: 1 } });
      expect(await publisher.inspect(Booked).groups(), 'it needs no group').toEqual([]);
      expect(world.logger.at('error')).toMatchObject([{ fields: { attempt: 3 } }]);
    },
  ),

  behaviour('keeps the order of each key of a broadcast, through failures', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const handled: string[] = [];
    let [busy, overlaps] = [0, 0];
    const handle = async ({ key, n }: KeyedNumber, { attempt }: MessageContext) => {
      if (key === 'a' && ++busy > 1) overlaps++;
      await nextTurn();
      if (key === 'a') busy--;
      if (key === 'a' && n === 0 && handled.length < 5) throw new Error('the others first');
      if (key === 'a' && n % 3 === 1 && attempt < 3) throw new Error('not yet');
      handled.push(`${key} ${n}`);
    };
    const retry = { attempts: 10_000, backoff: { delay: 1 } };
    await worker.subscribe(KeyedBooked, handle, { broadcast: true, retry });
    for (const n of numbers(8)) publisher.publish(KeyedBooked, { key: 'a', n }).catch(() => {});
    for (const n of numbers(5)) publisher.publish(KeyedBooked, { key: 'b', n }).catch(() => {});
    await until(
      () => handled.length === 13,
      () => `13 events, not ${handled}`,
    );
    const inOrder = (key: string, count: number) => numbers(count).map((n) => `${key} ${n}`);
    expect(handled).toEqual([...inOrder('b', 5), ...inOrder('a', 8)]);
    expect(overlaps).toBe(0);
  }),

  behaviour(
    'gives up what a broadcast still waits for when the time for closing is over',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const fail = () => {
        throw new Error('not yet');
      };
      const { stats } = await worker.subscribe(Booked, fail, { broadcast: true, retry: { backoff: { delay: '1h' } } });
      await publisher.publish(Booked, { n: 0 });
      await until(() => stats.failed === 1, 'the first attempt');
      expect(stats).toMatchObject({ received: 1, queued: 1, inFlight: 0 });
      expect(await worker.close({ timeout: 20 })).toEqual({ abandoned: 1, handedOver: 0 });
      expect(stats).toMatchObject({ queued: 0, abandoned: 1 });
    },
  ),

  behaviour('finishes what a broadcast has read before it closes', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const gate = new Gate();
    const { stats } = await worker.subscribe(Booked, () => gate.opened, { broadcast: true, concurrency: 2 });
    await Promise.all(numbers(6).map((n) => publisher.publish(Booked, { n })));
    await until(() => stats.inFlight + stats.queued === 6, 'six events');
    const closed = worker.close();
    gate.open();
    expect(await closed).toEqual({ abandoned: 0, handedOver: 0 });
    expect(stats).toMatchObject({ received: 6, handled: 6 });
  }),

  behaviour(
    'lets a pattern hear durable events as they are published',
    ['durable events', 'patterns'],
    async (world) => {
      const [publisher, tap, worker] = [
        await world.bus('publisher'),
        await world.bus('tap'),
        await world.bus('worker'),
      ];
      const [inbox, handled] = [new Inbox(), new Inbox<Numbered>()];
      await publisher.publish(Booked, { n: 0 });
      await tap.subscribe('conformance.*', inbox.take, { concurrency: 1 });
      await worker.subscribe(Booked, handled.take);
      expect(await publisher.publish(Booked, { n: 1 })).toMatchObject({ broadcast: 1, groups: { worker: 1 } });
      await Promise.all(numbers(20).map((n) => publisher.publish(Booked, { n: 2 + n })));
      await publisher.publish(Booked, { n: 22 }, { delay: 20 });
      expect(await inbox.first(22)).toEqual(numbers(22).map((n) => ({ n: 1 + n })));
      expect(inbox.contexts[0]).toMatchObject({ type: 'conformance.booked', channel: world.channel(Booked) });
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(handled.size).toBe(23);
    },
  ),

  behaviour(
    'misses nothing and repeats nothing when broadcasts begin among publishes',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      let [isOver, count] = [false, 0];
      const publishing = (async () => {
        while (!isOver) {
          await publisher.publish(Booked, { n: count++ });
        }
      })();
      try {
        for (const _ of numbers(10)) {
          const inbox = new Inbox<Numbered>();
          const before = count - 1;
          const subscription = await worker.subscribe(Booked, inbox.take, { broadcast: true, concurrency: 1 });
          const after = count;
          const [first] = await inbox.first(20);
          expect(first!.n).toBeGreaterThanOrEqual(before);
          expect(first!.n).toBeLessThanOrEqual(after);
          await subscription.end();
          expect(inbox.data.map(({ n }) => n)).toEqual(numbers(inbox.size).map((n) => first!.n + n));
        }
      } finally {
        isOver = true;
        await publishing;
      }
    },
  ),
];
