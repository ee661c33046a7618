import { defineEvent } from '@belfry/contracts';
import { expect } from 'vitest';
import type { MessageContext } from '../../context.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers, Recounted } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { anything } from '../schemas.js';
import { nextTurn, until } from '../waiting.js';

const ignore = () => {};
const SecondCounted = defineEvent('conformance.counted', { schema: anything<Numbered>(), version: 2 });
const Named = defineEvent('conformance.named', { schema: anything<{ name: string }>() });

/** Subscriptions begin, stand beside one another, and end. */
export const subscriptions = [
  behaviour(
    'handles several contracts with one subscription, and tells which one a message is of',
    ['groups'],
    async (world) => {
      const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('app')];
      const told: string[] = [];
      await subscriber.subscribe(
        [Counted, Named],
        (_: Numbered | { name: string }, context: MessageContext<typeof Counted | typeof Named>) => {
          told.push(context.type === 'conformance.named' ? context.data.name : String(context.data.n));
        },
      );
      await publisher.publish(Counted, { n: 7 });
      await publisher.publish(Named, { name: 'seven' });
      await until(() => told.length === 2, 'two messages');
      expect(told.toSorted()).toEqual(['7', 'seven']);
    },
  ),

  behaviour('carries a second version of a contract on a channel of its own', ['groups'], async (world) => {
    const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('app')];
    const [first, second] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
    await subscriber.subscribe(Counted, first.take);
    await subscriber.subscribe(SecondCounted, second.take);
    await publisher.publish(Counted, { n: 1 });
    await publisher.publish(SecondCounted, { n: 2 });
    await new Marks(first).pass(publisher, Counted);
    await new Marks(second).pass(publisher, SecondCounted);
    expect([unmarked(first), unmarked(second)]).toEqual([[1], [2]]);
    expect(new Set(first.contexts.map(({ version }) => version))).toEqual(new Set([1]));
    expect(new Set(second.contexts.map(({ version }) => version))).toEqual(new Set([2]));
  }),

  behaviour(
    'refuses a second handler of one event in one group, and says how to mend it',
    ['groups'],
    async (world) => {
      const [publisher, bus] = [await world.bus('publisher'), await world.bus('app')];
      const [inbox, refused, audit, tap] = numbers(4).map(() => new Inbox<Numbered>()) as [
        Inbox<Numbered>,
        ...Inbox<Numbered>[],
      ];
      const subscription = await bus.subscribe(Counted, inbox.take);
      await expect(bus.subscribe([Recounted, Counted], refused!.take)).rejects.toMatchObject({
        code: 'DUPLICATE_HANDLER',
        hint: expect.stringMatching(/group: 'app\.audit'.*broadcast: true/),
      });
      await bus.subscribe(Counted, audit!.take, { group: 'app.audit' });
      await bus.subscribe(Counted, tap!.take, { broadcast: true });
      expect(await publisher.publish(Recounted, { n: 1 }), 'nothing is left of the refused one').toMatchObject({
        broadcast: 0,
      });
      await publisher.publish(Counted, { n: 2 });
      await new Marks(inbox, audit!, tap!).pass(publisher, Counted);
      expect([inbox, audit!, tap!].map(unmarked)).toEqual([[2], [2], [2]]);
      expect(refused!.size).toBe(0);
      await subscription.end();
      await bus.subscribe(Counted, refused!.take);
      await publisher.publish(Counted, { n: 3 });
      await new Marks(refused!).pass(publisher, Counted);
      expect(unmarked(refused!)).toEqual([3]);
      expect(inbox.data).not.toContainEqual({ n: 3 });
    },
  ),

  behaviour('lets two broadcast handlers of one event each get it', [], async (world) => {
    const [publisher, bus] = await world.buses(2);
    const [one, other] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
    await bus!.subscribe(Counted, one.take, { broadcast: true });
    const second = await bus!.subscribe(Counted, other.take, { broadcast: true });
    const { broadcast } = await publisher!.publish(Counted, { n: 1 });
    expect(broadcast, 'an instance counts once, however many handlers it has').toBe(1);
    await new Marks(one, other).pass(publisher!, Counted);
    expect([unmarked(one), unmarked(other)]).toEqual([[1], [1]]);
    await second.end();
    await publisher!.publish(Counted, { n: 2 });
    await new Marks(one).pass(publisher!, Counted);
    expect(unmarked(one), 'the other one goes on').toEqual([1, 2]);
    expect(unmarked(other)).toEqual([1]);
  }),

  behaviour(
    'has handled everything that it was dealt when the end of a subscription resolves',
    ['groups'],
    async (world) => {
      const [publisher, bus] = [await world.bus('publisher'), await world.bus('app')];
      const handled: number[] = [];
      const handle = async ({ n }: Numbered) => {
        await nextTurn();
        handled.push(n);
      };
      const subscription = await bus.subscribe(Counted, handle, { concurrency: 4 });
      const receipts = await Promise.all(numbers(200).map((n) => publisher.publish(Counted, { n })));
      await subscription.end();
      for (const { groups } of receipts) expect(groups).toEqual({ app: 1 });
      expect(handled.toSorted((a, b) => a - b)).toEqual(numbers(200));
      expect(subscription.stats).toMatchObject({ received: 200, handled: 200, queued: 0, inFlight: 0 });
    },
  ),

  ...[true, false].map((broadcast) =>
    behaviour(
      `brings nothing more to a ${broadcast ? 'broadcast subscriber' : 'member of a group'} that has ended`,
      broadcast ? [] : ['groups'],
      async (world) => {
        const [publisher, bus] = [await world.bus('publisher'), await world.bus('app')];
        const [ended, next] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
        const subscription = await bus.subscribe(Counted, ended.take, { broadcast });
        await publisher.publish(Counted, { n: 1 });
        await subscription.end();
        await subscription.end();
        await publisher.publish(Counted, { n: 2 });
        await bus.subscribe(Counted, next.take, { broadcast });
        await publisher.publish(Counted, { n: 3 });
        await new Marks(next).pass(publisher, Counted);
        expect([unmarked(ended), unmarked(next)]).toEqual([[1], [3]]);
      },
    ),
  ),

  behaviour('lists the subscriptions that run', [], async (world) => {
    const bus = await world.bus();
    const one = await bus.subscribe(Counted, ignore, { broadcast: true });
    const other = await bus.subscribe(Recounted, ignore, { broadcast: true });
    expect(bus.subscriptions).toEqual([one, other]);
    await one.end();
    expect(bus.subscriptions).toEqual([other]);
  }),
];
