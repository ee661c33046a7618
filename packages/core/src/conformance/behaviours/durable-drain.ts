import { expect } from 'vitest';
import type { Bus, SubscribeOptions, Subscription } from '../../bus.js';
import type { MessageContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Booked, Counted, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { ALL_DONE, untilStands } from '../logs.js';
import { Gate, nextTurn, pause, until } from '../waiting.js';
import type { World } from '../world.js';

/** Nothing of this may wait for a claim to time out… */
const options: SubscribeOptions = { claimTimeout: '1m' };
/** …nor for an idle instance to look by itself. */
const AT_ONCE = 2000;

const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

/** A worker that leaves as soon as it has read ahead: one of its handlers waits for a gate, and it has others in its hands. */
async function leaving(world: World, leave: (bus: Bus, subscription: Subscription) => Promise<unknown>) {
  const [publisher, leaves, stays] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
  const gate = new Gate();
  const handled: number[] = [];
  const left: { queued: number; end: Promise<unknown> }[] = [];
  const handle = async ({ n }: Numbered) => {
    const { queued } = subscription.stats;
    if (left.length === 0 && queued > 0) {
      left.push({ queued, end: leave(leaves!, subscription) });
      await gate.opened;
    }
    handled.push(n);
  };
  const subscription = await leaves!.subscribe(Booked, handle, { ...options, concurrency: 1 });
  await Promise.all(numbers(60).map((n) => publisher.publish(Booked, { n })));
  await until(() => left.length === 1, 'it to read ahead');
  const { queued, end } = left[0]!;
  const inbox = new Inbox<Numbered>();
  const began = performance.now();
  await stays!.subscribe(Booked, inbox.take, options);
  await inbox.first(queued);
  expect(performance.now() - began).toBeLessThan(AT_ONCE);
  expect(subscription.stats).toMatchObject({ queued: 0, inFlight: 1, durable: { handedOver: queued } });
  gate.open();
  const report = await end;
  await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, members: 1 });
  expect(ascending([...handled, ...inbox.data.map(({ n }) => n)])).toEqual(numbers(60));
  expect(new Set(inbox.contexts.map(({ attempt }) => attempt)), 'that was no attempt').toEqual(new Set([1]));
  return { report, queued };
}

/** A worker whose handlers run until they are aborted. */
async function stuck(leaves: Bus, source: typeof Booked | [typeof Booked, typeof Counted] = Booked) {
  const reasons: unknown[] = [];
  const handle = (_: Numbered, { signal }: MessageContext) =>
    new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason);
        resolve();
      });
    });
  const subscription = await leaves.subscribe(source as typeof Booked, handle, options);
  return { reasons, subscription };
}

/** An instance that leaves has nothing in its hands when it has gone. */
export const durableDrain = [
  behaviour(
    'gives what it read ahead to another instance at once when it closes',
    ['durable events'],
    async (world) => {
      const { report, queued } = await leaving(world, (bus) => bus.close());
      expect(report).toEqual({ abandoned: 0, handedOver: queued });
    },
  ),

  behaviour(
    'gives what it read ahead to another instance when its subscription ends',
    ['durable events'],
    async (world) => {
      await leaving(world, (_, subscription) => subscription.end());
    },
  ),

  behaviour(
    'gives what still runs when the time is over to another instance at once, and tells its handlers',
    ['durable events'],
    async (world) => {
      const [publisher, leaves, stays] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
      const { reasons, subscription } = await stuck(leaves!);
      await Promise.all(numbers(3).map((n) => publisher.publish(Booked, { n })));
      await until(() => subscription.stats.inFlight === 3, 'three handlers to run');
      const inbox = new Inbox<Numbered>();
      await stays!.subscribe(Booked, inbox.take, options);
      const began = performance.now();
      expect(await leaves!.close({ timeout: 30 })).toEqual({ abandoned: 0, handedOver: 3 });
      expect(ascending((await inbox.first(3)).map(({ n }) => n))).toEqual([0, 1, 2]);
      expect(performance.now() - began).toBeLessThan(30 + AT_ONCE);
      expect(
        inbox.contexts.map(({ attempt }) => attempt),
        'that was no attempt',
      ).toEqual([1, 1, 1]);
      expect(reasons).toMatchObject([{ code: 'BUS_CLOSED' }, { code: 'BUS_CLOSED' }, { code: 'BUS_CLOSED' }]);
      await untilStands(publisher, Booked, 'worker', { ...ALL_DONE, deadLetters: 0, members: 1 });
    },
  ),

  behaviour('keeps what it hands over for an instance that comes later', ['durable events'], async (world) => {
    const [publisher, leaves, comes] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
    const { subscription } = await stuck(leaves!);
    await publisher.publish(Booked, { n: 0 }, { key: 'a' });
    await publisher.publish(Booked, { n: 1 }, { key: 'a' });
    await until(() => subscription.stats.inFlight === 1, 'a handler to run');
    expect(await leaves!.close({ timeout: 1 })).toEqual({ abandoned: 0, handedOver: 1 });
    const inbox = new Inbox<Numbered>();
    await comes!.subscribe(Booked, inbox.take, options);
    expect(await inbox.first(2)).toEqual([{ n: 0 }, { n: 1 }]);
    expect(inbox.contexts[0]?.attempt).toBe(1);
  }),

  behaviour(
    'hands over what is durable, and gives up what is transient, of one subscription',
    ['durable events', 'groups'],
    async (world) => {
      const [publisher, leaves, stays] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
      const { subscription } = await stuck(leaves!, [Booked, Counted]);
      await publisher.publish(Booked, { n: 0 });
      await publisher.publish(Counted, { n: 1 });
      await until(() => subscription.stats.inFlight === 2, 'both handlers to run');
      const inbox = new Inbox<Numbered>();
      await stays!.subscribe(Booked, inbox.take, options);
      expect(await leaves!.close({ timeout: 20 })).toEqual({ abandoned: 1, handedOver: 1 });
      expect(await inbox.first(1)).toEqual([{ n: 0 }]);
    },
  ),

  behaviour('finishes and acknowledges what is in flight before it closes', ['durable events'], async (world) => {
    const [publisher, worker] = [await world.bus('publisher'), await world.bus('worker')];
    const gate = new Gate();
    const aborted: boolean[] = [];
    const { stats } = await worker.subscribe(Booked, async (_, { signal }) => {
      await gate.opened;
      aborted.push(signal.aborted);
    });
    await Promise.all(numbers(5).map((n) => publisher.publish(Booked, { n })));
    await until(() => stats.inFlight === 5, 'five handlers to run');
    const closed = worker.close();
    await untilStands(publisher, Booked, 'worker', { members: 0, pending: 5 });
    gate.open();
    expect(await closed).toEqual({ abandoned: 0, handedOver: 0 });
    expect(aborted).toEqual([false, false, false, false, false]);
    expect(stats).toMatchObject({ received: 5, handled: 5 });
    await untilStands(publisher, Booked, 'worker', ALL_DONE);
  }),

  behaviour('leaves to others what fails while it closes', ['durable events'], async (world) => {
    const [publisher, leaves, stays] = [await world.bus('publisher'), ...(await world.buses(2, 'worker'))];
    const gate = new Gate();
    const fail = async () => {
      await gate.opened;
      throw new Error('failed at the end');
    };
    const retrying = { ...options, retry: { backoff: { delay: 1 } } };
    const { stats } = await leaves!.subscribe(Booked, fail, retrying);
    await publisher.publish(Booked, { n: 0 });
    await until(() => stats.inFlight === 1, 'the handler to run');
    const inbox = new Inbox<Numbered>();
    await stays!.subscribe(Booked, inbox.take, retrying);
    const closed = leaves!.close();
    await untilStands(publisher, Booked, 'worker', { members: 1, pending: 1 });
    const began = performance.now();
    gate.open();
    expect(await inbox.first(1)).toEqual([{ n: 0 }]);
    expect(performance.now() - began).toBeLessThan(AT_ONCE);
    expect(inbox.contexts[0]?.attempt).toBe(2);
    expect(await closed).toEqual({ abandoned: 0, handedOver: 0 });
  }),

  behaviour(
    'loses nothing and handles nothing twice while instances come and go',
    ['durable events'],
    async (world) => {
      const publisher = await world.bus('publisher');
      const handled: number[] = [];
      const handle = async ({ n }: Numbered) => {
        await (n % 3 === 0 ? pause(n % 4) : nextTurn());
        handled.push(n);
      };
      let isComing = true;
      const visits = (async () => {
        for (const visit of numbers(8)) {
          const comes = await world.bus('worker');
          const { stats } = await comes.subscribe(Booked, handle, { ...options, concurrency: 4 });
          await until(() => stats.handled >= 10, 'ten events for the newcomer');
          if (visit % 2 === 0) await comes.subscriptions[0]?.end();
          expect((await comes.close()).abandoned).toBe(0);
          expect(stats).toMatchObject({ failed: 0, queued: 0, inFlight: 0, durable: { claimsLost: 0 } });
        }
      })().finally(() => {
        isComing = false;
      });
      const published: Promise<unknown>[] = [];
      while (isComing) {
        published.push(publisher.publish(Booked, { n: published.length }));
        await pause(1);
      }
      await visits;
      await Promise.all(published);
      await (await world.bus('worker')).subscribe(Booked, handle, options);
      await untilStands(publisher, Booked, 'worker', ALL_DONE);
      expect(ascending(handled)).toEqual(numbers(published.length));
    },
  ),
];
