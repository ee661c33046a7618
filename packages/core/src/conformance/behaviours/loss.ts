import { expect } from 'vitest';
import type { Gap } from '../../bus-events.js';
import { standingOf } from '../../standing.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers, Recounted } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { nextTurn, until } from '../waiting.js';
import type { World } from '../world.js';

/** An event as no publisher would number it: a transport numbers what begins like an envelope that Belfry has written. */
const numberedByHand = (source: string, n: number): string =>
  `{ "sequence":"${n}","specversion":"1.0","id":"${source}-${n}","source":"/${source}/0","type":"${Counted.name}","data":{"n":${n}}}`;

async function publishByHand(world: World, source: string, sequence: readonly number[]): Promise<void> {
  const transport = await world.transport();
  for (const n of sequence) {
    const body = numberedByHand(source, n);
    await transport.publish({ channel: world.channel(Counted), body, key: undefined, public: false });
  }
}

/** What is lost shows. */
export const loss = [
  behaviour('numbers the events of each publisher on each channel, from 1 and without gaps', [], async (world) => {
    const publishers = await world.buses(3, 'publisher');
    const listener = await world.transport();
    const seen: Record<string, string[]> = {};
    let count = 0;
    for (const contract of [Counted, Recounted]) {
      await listener.subscribe({ kind: 'broadcast', channel: world.channel(contract) }, (body, { shared }) => {
        const { source, sequence } = standingOf(body, shared) ?? {};
        seen[`${contract.name} ${source}`] ??= [];
        seen[`${contract.name} ${source}`]!.push(String(sequence));
        count++;
      });
    }
    for (const [at, publisher] of publishers.entries()) {
      for (const n of numbers(10 + at)) {
        void publisher.publish(Counted, { n });
        if (n % 2 === 0) void publisher.publish(Recounted, { n });
        if (n % 3 === 0) await nextTurn();
      }
    }
    const inAll = 10 + 11 + 12 + 5 + 6 + 6;
    await until(
      () => count >= inAll,
      () => `${inAll} events, of which ${count} came`,
    );
    const upTo = (last: number) => numbers(last).map((n) => String(n + 1));
    expect(seen).toEqual(
      Object.fromEntries(
        publishers.flatMap(({ instance }, at) => [
          [`${Counted.name} /publisher/${instance}`, upTo(10 + at)],
          [`${Recounted.name} /publisher/${instance}`, upTo([5, 6, 6][at]!)],
        ]),
      ),
    );
  }),

  behaviour('sees no gap where there is none', ['groups', 'patterns'], async (world) => {
    const publishers = await world.buses(3, 'publisher');
    const [broadcast, pattern, group, other] = await world.buses(4);
    const inboxes = [new Inbox<Numbered>(), new Inbox<Numbered>(), new Inbox<Numbered>(), new Inbox<Numbered>()];
    const [inBroadcast, inPattern, inGroup, inOther] = inboxes;
    const gaps: Gap[] = [];
    for (const bus of [broadcast, pattern, group, other]) bus!.on('gap', (gap) => gaps.push(gap));
    for (const publisher of publishers) await publisher.publish(Counted, { n: 1000 }); // before anybody listens
    const subscriptions = [
      await broadcast!.subscribe([Counted, Recounted], inBroadcast!.take, { broadcast: true }),
      await pattern!.subscribe('conformance.*', (data, context) => inPattern!.take(data as Numbered, context)),
      await group!.subscribe(Counted, inGroup!.take),
      await other!.subscribe(Counted, inOther!.take),
    ];
    for (const n of numbers(60)) {
      for (const publisher of publishers) {
        void publisher.publish(Counted, { n });
        void publisher.publish(Recounted, { n });
      }
      if (n % 7 === 0) await nextTurn();
    }
    for (const publisher of publishers) await new Marks(...inboxes).pass(publisher, Counted);
    for (const publisher of publishers) await new Marks(inBroadcast!, inPattern!).pass(publisher, Recounted);
    expect(unmarked(inBroadcast!)).toHaveLength(60 * 3 * 2);
    expect(unmarked(inPattern!)).toHaveLength(60 * 3 * 2);
    for (const subscription of subscriptions) await subscription.end(); // what is missing now is counted now
    expect(subscriptions.map(({ stats }) => stats.missed)).toEqual([0, 0, 0, 0]);
    expect(gaps).toEqual([]);
  }),

  behaviour('counts a gap, tells of it and logs it once; a disorder is none', ['patterns'], async (world) => {
    const [bus] = await world.buses(1);
    const gaps: Gap[] = [];
    bus!.on('gap', (gap) => gaps.push(gap));
    const [inbox, tap] = [new Inbox<Numbered>(), new Inbox()];
    const exact = await bus!.subscribe(Counted, inbox.take, { broadcast: true });
    const pattern = await bus!.subscribe('conformance.*', tap.take);
    await publishByHand(world, 'disorderly', [1, 3, 2, 4]);
    await publishByHand(world, 'gappy', [11, 12, 18, 19]);
    await until(
      () => gaps.length >= 2,
      () => `two gaps, of which ${gaps.length} were told`,
    );
    const gap = { channel: world.channel(Counted), source: '/gappy/0', missed: 5, reason: 'unknown' };
    expect(gaps.toSorted((one, other) => (one.subscription < other.subscription ? -1 : 1))).toEqual([
      { subscription: 'conformance.*', ...gap },
      { subscription: 'conformance.counted', ...gap },
    ]);
    expect([exact.stats.missed, pattern.stats.missed]).toEqual([5, 5]);
    expect([inbox.size, tap.size]).toEqual([8, 8]);
    const lines = () => world.logger.at('warn').filter(({ message }) => message.includes('never received'));
    await until(() => lines().length === 2, 'a line for each subscription');
    await Promise.all([exact.end(), pattern.end()]);
    expect(lines().map(({ fields }) => [fields.subscription, fields.missed])).toEqual(
      expect.arrayContaining([
        ['conformance.counted', 5],
        ['conformance.*', 5],
      ]),
    );
    expect(lines()).toHaveLength(2);
  }),

  behaviour('takes back what was counted as missed when it comes after all', [], async (world) => {
    const [bus] = await world.buses(1);
    const inbox = new Inbox<Numbered>();
    const { stats } = await bus!.subscribe(Counted, inbox.take, { broadcast: true });
    await publishByHand(world, 'late', [1, 4]);
    await until(() => stats.missed === 2, 'two to be missed');
    await publishByHand(world, 'late', [2, 3]);
    await inbox.first(4);
    expect(stats.missed).toBe(0);
  }),
];
