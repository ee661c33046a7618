import { expect } from 'vitest';
import type { Pressure } from '../../bus-events.js';
import type { SubscriptionStats } from '../../subscription-stats.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks } from '../marks.js';
import { Gate, until } from '../waiting.js';

const accounted = ({ handled, failed, rejected, dropped, abandoned, queued, inFlight }: Readonly<SubscriptionStats>) =>
  handled + failed + Object.values(rejected).reduce((sum, n) => sum + n) + dropped + abandoned + queued + inFlight;

/** A handler that waits until the test lets it go on. */
function gated() {
  const [inbox, gate] = [new Inbox<Numbered>(), new Gate()];
  const handle = async (data: Numbered, context: Parameters<typeof inbox.take>[1]) => {
    inbox.take(data, context);
    await gate.opened;
  };
  return { inbox, gate, handle };
}

/** Memory does not grow with the backlog of a slow handler. */
export const overflow = [
  ...[
    { bound: 'messages', options: { maxQueuedMessages: 10 }, most: 10 },
    { bound: 'bytes', options: { maxQueuedBytes: 500 }, most: 12 },
  ].map(({ bound, options, most }) =>
    behaviour(`drops, counts and logs what overflows a queue that is bounded in ${bound}`, [], async (world) => {
      const [publisher, subscriber] = await world.buses(2);
      const { inbox, gate, handle } = gated();
      const { stats } = await subscriber!.subscribe(Counted, handle, { broadcast: true, concurrency: 1, ...options });
      await Promise.all(numbers(50).map((n) => publisher!.publish(Counted, { n })));
      await until(() => stats.received === 50, 'fifty messages');
      expect(stats.queued).toBeGreaterThan(0);
      expect(stats.queued).toBeLessThanOrEqual(most);
      expect(stats.dropped).toBe(50 - 1 - stats.queued);
      expect(accounted(stats)).toBe(50);
      const warnings = world.logger.at('warn').map(({ message }) => message);
      expect(warnings, 'a warning before the first is dropped, then once, not for each').toEqual([
        expect.stringContaining('three quarters full'),
        expect.stringContaining('are being dropped'),
      ]);
      const kept = 1 + stats.queued;
      gate.open();
      await until(() => stats.handled === kept, 'the queue to empty');
      expect(inbox.data, 'the oldest stay').toEqual(numbers(kept).map((n) => ({ n })));
      await new Marks(inbox).pass(publisher!, Counted);
      await until(() => accounted(stats) === stats.received, 'all to be accounted for');
    }),
  ),

  ...[
    { drop: 'newest' as const, kept: [0, ...numbers(10).map((n) => n + 1)] },
    { drop: 'oldest' as const, kept: [0, ...numbers(10).map((n) => n + 40)] },
  ].map(({ drop, kept }) =>
    behaviour(`drops the ${drop} when it is told so, after it has told that it fills up`, [], async (world) => {
      const [publisher, subscriber] = await world.buses(2);
      const { inbox, gate, handle } = gated();
      const pressure: Pressure[] = [];
      subscriber!.on('pressure', (each) => pressure.push(each));
      const options = { broadcast: true, concurrency: 1, maxQueuedMessages: 10, drop };
      const { stats } = await subscriber!.subscribe(Counted, handle, options);
      for (const n of numbers(50)) await publisher!.publish(Counted, { n });
      await until(() => stats.received === 50, 'fifty messages');
      const about = { subscription: 'conformance.counted', group: undefined };
      expect(pressure).toEqual([{ ...about, full: true, queued: 8, dropped: 0 }]);
      expect(stats.dropped).toBe(39);
      gate.open();
      await until(() => stats.handled === 11, 'the queue to empty');
      expect(inbox.data.map(({ n }) => n)).toEqual(kept);
      expect(accounted(stats)).toBe(50);
      expect(pressure.slice(1)).toEqual([{ ...about, full: false, queued: 5, dropped: 39 }]);
    }),
  ),

  behaviour(
    'leaves the work to the rest of the group while its queue is full, and no longer',
    ['groups'],
    async (world) => {
      const [publisher, slow, quick] = [await world.bus('publisher'), ...(await world.buses(2, 'billing'))];
      const { inbox, gate, handle } = gated();
      const other = new Inbox<Numbered>();
      const transport = await world.transport();
      const audience = async () => (await transport.audience(world.channel(Counted))).groups.billing;
      const [full, free] = [
        await slow!.subscribe(Counted, handle, { concurrency: 1, maxQueuedMessages: 40 }),
        await quick!.subscribe(Counted, other.take),
      ];
      let published = 0;
      const publish = async () => {
        const receipt = await publisher.publish(Counted, { n: published++ });
        expect(receipt.groups).toEqual({ billing: 1 });
      };
      while (full.stats.queued <= 30) await publish();
      await until(async () => (await audience()) === 1, 'the full one to leave its place');
      const before = full.stats.received;
      for (const _ of numbers(50)) await publish();
      await until(() => before + free.stats.received === published, 'the other one to get all of it');
      expect(full.stats).toMatchObject({ received: before, dropped: 0 });
      gate.open();
      await until(async () => (await audience()) === 2, 'it to take its place again');
      for (const _ of numbers(20)) await publish();
      await until(() => full.stats.handled + free.stats.handled === published, 'all to be handled');
      expect(full.stats.received).toBe(before + 10);
      const handled = [...inbox.data, ...other.data].map(({ n }) => n);
      expect(handled.toSorted((one, two) => one - two)).toEqual(numbers(published));
    },
  ),

  behaviour('keeps the work while its queue is full when there is nobody else to do it', ['groups'], async (world) => {
    const [publisher, lone] = [await world.bus('publisher'), await world.bus('billing')];
    const { inbox, gate, handle } = gated();
    const { stats } = await lone.subscribe(Counted, handle, { concurrency: 1, maxQueuedMessages: 10 });
    for (const n of numbers(30)) expect((await publisher.publish(Counted, { n })).groups).toEqual({ billing: 1 });
    await until(() => stats.received === 30, 'thirty messages');
    expect(stats.dropped).toBe(19);
    gate.open();
    await inbox.first(11);
    expect((await publisher.publish(Counted, { n: 30 })).groups).toEqual({ billing: 1 });
    await inbox.first(12);
  }),
];
