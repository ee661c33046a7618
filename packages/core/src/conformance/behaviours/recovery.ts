import { expect } from 'vitest';
import { decodeEnvelope } from '../../envelope.js';
import { standingOf } from '../../standing.js';
import { behaviour } from '../behaviour.js';
import { Counted, Kept, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { until } from '../waiting.js';

const numberIn = (body: string): number => (decodeEnvelope(body).data as Numbered).n;

/** What is kept of a channel for broadcast subscribers that were away. What they make of it is the bus's, and is tested there. */
export const recovery = [
  behaviour(
    'keeps of a channel what its contract says, in order, and says where each stands',
    ['recovery'],
    async (world) => {
      const [publisher] = await world.buses(1);
      const transport = await world.transport();
      const channel = world.channel(Kept);
      expect(await transport.history!(channel, '0-0', 100)).toEqual({ entries: [], last: undefined });
      const arrived: string[] = [];
      await transport.subscribe({ kind: 'broadcast', channel }, (body) => arrived.push(body));
      await publisher!.publish(Kept, { n: 0 });
      await Promise.all(numbers(24).map((n) => publisher!.publish(Kept, { n: n + 1 })));
      await until(() => arrived.length === 25, 'all of them');
      const { entries, last } = await transport.history!(channel, '0-0', 100);
      expect(entries.map(({ body }) => numberIn(body))).toEqual(numbers(10).map((n) => n + 15));
      expect(last).toBe(entries.at(-1)?.cursor);
      // What arrives carries its place in front of its number.
      expect(arrived.slice(15).map((body) => standingOf(body)?.cursor)).toEqual(entries.map(({ cursor }) => cursor));
      expect(arrived.map((body) => standingOf(body)?.sequence)).toEqual(numbers(25).map((n) => n + 1));
      const places = arrived.map((body) => standingOf(body)!.cursor!.split('-').map(Number));
      expect(places.map(([, number]) => number)).toEqual(numbers(25).map((n) => n + 1));
      const times = places.map(([time]) => time!);
      expect(times).toEqual(times.toSorted((one, other) => one - other));
    },
  ),

  behaviour('gives of what is kept what comes after a place, in parts', ['recovery'], async (world) => {
    const [publisher] = await world.buses(1);
    const transport = await world.transport();
    const channel = world.channel(Kept);
    for (const n of numbers(10)) await publisher!.publish(Kept, { n });
    const { entries, last } = await transport.history!(channel, '0-0', 100);
    expect(await transport.history!(channel, undefined, 100)).toEqual({ entries: [], last });
    expect(await transport.history!(channel, last, 100)).toEqual({ entries: [], last });
    for (const at of numbers(10)) {
      const part = await transport.history!(channel, entries[at]!.cursor, 2);
      expect(part).toEqual({ entries: entries.slice(at + 1, at + 3), last });
    }
  }),

  behaviour('keeps nothing of what its contract does not say so of', ['recovery'], async (world) => {
    const [publisher] = await world.buses(1);
    const transport = await world.transport();
    await publisher!.publish(Counted, { n: 1 });
    expect(await transport.history!(world.channel(Counted), '0-0', 100)).toEqual({ entries: [], last: undefined });
  }),

  behaviour('gives a late joiner nothing old of what is kept', ['recovery', 'patterns'], async (world) => {
    const [publisher, late, tap] = await world.buses(3);
    for (const n of numbers(5)) await publisher!.publish(Kept, { n });
    const [inbox, inTap] = [new Inbox<Numbered>(), new Inbox<Numbered>()];
    const subscriptions = [
      await late!.subscribe(Kept, inbox.take, { broadcast: true }),
      await tap!.subscribe('conformance.*', (data, context) => inTap.take(data as Numbered, context)),
    ];
    await Promise.all(numbers(30).map((n) => publisher!.publish(Kept, { n: n + 5 })));
    await new Marks(inbox, inTap).pass(publisher!, Kept);
    for (const each of [inbox, inTap]) expect(unmarked(each)).toEqual(numbers(30).map((n) => n + 5));
    for (const subscription of subscriptions) {
      await subscription.end();
      expect(subscription.stats).toMatchObject({ missed: 0, recovered: 0 });
    }
  }),

  behaviour('shares the work on what is kept as on anything else', ['recovery', 'groups'], async (world) => {
    const [publisher, ...replicas] = [await world.bus('publisher'), ...(await world.buses(2, 'billing'))];
    const inboxes = replicas.map(() => new Inbox<Numbered>());
    await Promise.all(replicas.map((bus, at) => bus.subscribe(Kept, inboxes[at]!.take)));
    const receipts = await Promise.all(numbers(60).map((n) => publisher.publish(Kept, { n })));
    for (const n of numbers(60)) receipts.push(await publisher.publish(Kept, { n: n + 60 }));
    for (const receipt of receipts) expect(receipt).toEqual({ broadcast: 0, groups: { billing: 1 } });
    await new Marks(...inboxes).pass(publisher, Kept);
    const handled = inboxes.flatMap(unmarked);
    expect(handled.toSorted((one, other) => one - other)).toEqual(numbers(120));
    for (const inbox of inboxes) expect(unmarked(inbox).length).toBeGreaterThan(20);
  }),
];
