import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Booked, Counted, KeyedBooked, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilStands } from '../logs.js';
import { Gate, nextTurn, pause, until } from '../waiting.js';

const ignore = () => {};
const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

/** Far less than the time after which an idle instance looks by itself, five times. */
const AT_ONCE = 2000;

/** Replicas share the work on a log, and a log waits for its groups. */
export const durableGroups = [
  behaviour(
    'begins a new group with everything that is retained, or with what comes from now on',
    ['durable events'],
    async (world) => {
      const [publisher, billing, audit] = [
        await world.bus('publisher'),
        await world.bus('billing'),
        await world.bus('audit'),
      ];
      await Promise.all(numbers(20).map((n) => publisher.publish(Booked, { n })));
      const [all, latest] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
      await audit.subscribe(Booked, latest.take, { concurrency: 1, from: 'now' });
      await publisher.publish(Booked, { n: 20 });
      await billing.subscribe(Booked, all.take, { concurrency: 1 });
      await publisher.publish(Booked, { n: 21 });
      await untilStands(publisher, Booked, 'billing', ALL_DONE);
      await untilStands(publisher, Booked, 'audit', ALL_DONE);
      expect(all.data.map(({ n }) => n)).toEqual(numbers(22));
      expect(latest.data).toEqual([{ n: 20 }, { n: 21 }]);
    },
  ),

  behaviour('goes on where a group was, whatever it says of its beginning', ['durable events'], async (world) => {
    const [publisher, billing] = [await world.bus('publisher'), await world.bus('billing')];
    const inbox = new Inbox<Numbered>();
    const first = await billing.subscribe(Booked, inbox.take);
    await publisher.publish(Booked, { n: 0 });
    await inbox.first(1);
    await first.end();
    await publisher.publish(Booked, { n: 1 });
    const second = await billing.subscribe(Booked, inbox.take, { from: 'now' });
    await untilStands(publisher, Booked, 'billing', ALL_DONE);
    await second.end();
    await billing.subscribe(Booked, inbox.take, { from: 'start' });
    await publisher.publish(Booked, { n: 2 });
    await untilStands(publisher, Booked, 'billing', ALL_DONE);
    expect(inbox.data).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  }),

  ...[
    { how: 'a burst', pace: async () => {} },
    { how: 'durable events that come one by one', pace: nextTurn },
  ].map(({ how, pace }) =>
    behaviour(`handles each event of ${how} once in every group`, ['durable events'], async (world) => {
      const [publisher, audit] = [await world.bus('publisher'), await world.bus('audit')];
      const replicas = await world.buses(3, 'billing');
      const inboxes = replicas.map(() => new Inbox<Numbered>());
      const alone = new Inbox<Numbered>();
      await Promise.all(replicas.map((bus, index) => bus.subscribe(Booked, inboxes[index]!.take)));
      await audit.subscribe(Booked, alone.take);
      const published: Promise<unknown>[] = [];
      for (const n of numbers(300)) {
        published.push(publisher.publish(Booked, { n }));
        await pace();
      }
      await Promise.all(published);
      await untilStands(publisher, Booked, 'billing', ALL_DONE);
      await untilStands(publisher, Booked, 'audit', ALL_DONE);
      expect(ascending(inboxes.flatMap(({ data }) => data.map(({ n }) => n)))).toEqual(numbers(300));
      expect(alone.data.map(({ n }) => n)).toEqual(numbers(300));
    }),
  ),

  behaviour('gives every replica as much of the work as it has room for', ['durable events'], async (world) => {
    const publisher = await world.bus('publisher');
    const replicas = await world.buses(3, 'billing');
    const gate = new Gate();
    const handled: number[] = [];
    const handle = async ({ n }: Numbered) => {
      await gate.opened;
      handled.push(n);
    };
    const subscriptions = await Promise.all(replicas.map((bus) => bus.subscribe(Booked, handle, { concurrency: 2 })));
    const inFlight = () => subscriptions.map(({ stats }) => stats.inFlight);
    await Promise.all(numbers(10).map((n) => publisher.publish(Booked, { n })));
    await until(
      () => inFlight().every((count) => count === 2),
      () => `two events at each, not ${inFlight()}`,
    );
    await untilStands(publisher, Booked, 'billing', { members: 3, lag: 4, pending: 6 });
    expect(
      subscriptions.map(({ stats }) => stats.queued),
      'what it has no room for it leaves to others',
    ).toEqual([0, 0, 0]);
    gate.open();
    await untilStands(publisher, Booked, 'billing', ALL_DONE);
    expect(ascending(handled)).toEqual(numbers(10));
  }),

  behaviour(
    'keeps everything for a group that is away, and its receipts say that it is',
    ['durable events'],
    async (world) => {
      const [publisher, leaves, comes] = [await world.bus('publisher'), ...(await world.buses(2, 'billing'))];
      const [before, after] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
      const gate = new Gate();
      const subscription = await leaves!.subscribe(
        Booked,
        async (data, context) => {
          before.take(data, context);
          if (data.n === 1) await gate.opened;
        },
        { concurrency: 1 },
      );
      const groups = async (n: number) => (await publisher.publish(Booked, { n })).groups;
      expect(await groups(0), 'an idle member').toEqual({ billing: 1 });
      expect(await groups(1)).toEqual({ billing: 1 });
      await before.first(2);
      expect(await groups(2), 'a busy one').toEqual({ billing: 1 });
      gate.open();
      await before.first(3);
      await subscription.end();
      await leaves!.close();
      for (const n of numbers(50)) expect(await groups(3 + n)).toEqual({ billing: 0 });
      await comes!.subscribe(Booked, after.take, { concurrency: 1 });
      expect(await groups(53)).toEqual({ billing: 1 });
      await untilStands(publisher, Booked, 'billing', ALL_DONE);
      expect([...before.data, ...after.data].map(({ n }) => n)).toEqual(numbers(54));
    },
  ),

  ...[undefined, 5].map((limit) =>
    behaviour(
      `starts durable events in order, and ${limit ?? 'by default 16'} at a time but never more`,
      ['durable events'],
      async (world) => {
        const most = limit ?? 16;
        const count = most * 3;
        const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
        const started: number[] = [];
        const running = new Set<number>();
        const gates = numbers(count).map(() => new Gate());
        let peak = 0;
        const handle = async ({ n }: Numbered) => {
          started.push(n);
          running.add(n);
          peak = Math.max(peak, running.size);
          await gates[n]!.opened;
          running.delete(n);
        };
        const { stats } = await worker.subscribe(Booked, handle, limit === undefined ? {} : { concurrency: limit });
        await Promise.all(numbers(count).map((n) => publisher.publish(Booked, { n })));
        // The newest first: a slot that gets free is taken by the next in order, whichever it was.
        for (let handled = 0; handled < count; handled++) {
          const due = Math.min(most, count - handled);
          await until(
            () => running.size === due,
            () => `${due} at a time, of which ${running.size} run`,
          );
          gates[Math.max(...running)]!.open();
          await until(() => stats.handled === handled + 1, `${handled + 1} events to be handled`);
        }
        expect(started).toEqual(numbers(count));
        expect(peak).toBe(most);
      },
    ),
  ),

  behaviour(
    'shares the slots of one subscription between its transient and its durable events',
    ['durable events', 'groups'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const handled = new Map<string, number>();
      let [running, peak, count] = [0, 0, 0];
      const handle = async (_: unknown, { type }: { readonly type: string }) => {
        peak = Math.max(peak, ++running);
        await pause(1);
        running--;
        count++;
        handled.set(type, (handled.get(type) ?? 0) + 1);
      };
      const { stats } = await worker.subscribe([Counted, Booked, KeyedBooked], handle, { concurrency: 2 });
      for (const n of numbers(20)) {
        publisher.publish(Counted, { n }).catch(() => {});
        publisher.publish(Booked, { n }).catch(() => {});
        publisher.publish(KeyedBooked, { n, key: `${n}` }).catch(() => {});
      }
      await until(
        () => count === 60,
        () => `60 events, of which ${count} came`,
      );
      expect(peak).toBe(2);
      expect(Object.fromEntries(handled)).toEqual({
        'conformance.counted': 20,
        'conformance.booked': 20,
        'conformance.keyed-booked': 20,
      });
      await until(() => stats.handled === 60, 'all to be counted');
      expect(stats).toMatchObject({ received: 60, failed: 0, queued: 0, inFlight: 0 });
    },
  ),

  ...[false, true].map((broadcast) =>
    behaviour(
      `wakes an idle ${broadcast ? 'broadcast subscriber' : 'member of a group'} as soon as there is an event`,
      ['durable events'],
      async (world) => {
        const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
        const inbox = new Inbox<Numbered>();
        await worker.subscribe(Booked, inbox.take, { broadcast });
        const began = performance.now();
        for (const n of numbers(5)) {
          await publisher.publish(Booked, { n });
          await inbox.first(n + 1);
          await nextTurn();
        }
        expect(performance.now() - began).toBeLessThan(AT_ONCE);
      },
    ),
  ),

  behaviour(
    'refuses a second handler of one durable event in one group: DUPLICATE_HANDLER',
    ['durable events'],
    async (world) => {
      const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
      const inbox = new Inbox<Numbered>();
      const subscription = await worker.subscribe(Booked, ignore);
      await expect(worker.subscribe([KeyedBooked, Booked], inbox.take)).rejects.toMatchObject({
        code: 'DUPLICATE_HANDLER',
        hint: expect.stringMatching(/group: 'worker\.audit'.*broadcast: true/),
      });
      await worker.subscribe(Booked, ignore, { group: 'worker.audit' });
      await worker.subscribe(Booked, ignore, { broadcast: true });
      await subscription.end();
      await worker.subscribe(Booked, inbox.take);
      await publisher.publish(Booked, { n: 1 });
      expect(await inbox.first(1), 'its place is free again').toEqual([{ n: 1 }]);
    },
  ),

  behaviour('is ready for a durable event once each of its groups has a member', ['durable events'], async (world) => {
    const [publisher, billing, audit] = [
      await world.bus('publisher'),
      await world.bus('billing'),
      await world.bus('audit'),
    ];
    const gone = await audit.subscribe(Booked, ignore);
    await gone.end();
    const groups = ['billing', 'audit'];
    await billing.subscribe(Booked, ignore);
    await expect(publisher.ready(Booked, { groups, timeout: 20 })).rejects.toMatchObject({ code: 'NOT_READY' });
    let isReady = false;
    const waiting = publisher.ready(Booked, { groups }).then(() => {
      isReady = true;
    });
    await publisher.ready(Booked, { groups: ['billing'] });
    expect(isReady).toBe(false);
    await audit.subscribe(Booked, ignore);
    await waiting;
    expect((await publisher.publish(Booked, { n: 0 })).groups).toEqual({ billing: 1, audit: 1 });
  }),
];
