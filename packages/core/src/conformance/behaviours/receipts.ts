import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';

const ignore = () => {};

/** A publisher learns who received. */
export const receipts = [
  behaviour('counts nobody where nobody listens', [], async (world) => {
    const publisher = await world.bus();
    expect(await publisher.publish(Counted, { n: 0 })).toEqual({ broadcast: 0, groups: {} });
  }),

  behaviour('counts the instances that a broadcast reaches', [], async (world) => {
    const [publisher, ...others] = await world.buses(4);
    for (const [index, bus] of others.entries()) {
      await bus.subscribe(Counted, ignore, { broadcast: true });
      expect(await publisher!.publish(Counted, { n: 0 })).toEqual({ broadcast: index + 1, groups: {} });
    }
  }),

  behaviour('counts one member of each group, however many it has', ['groups'], async (world) => {
    const publisher = await world.bus('publisher');
    for (const bus of [...(await world.buses(3, 'billing')), ...(await world.buses(1, 'audit'))]) {
      await bus.subscribe(Counted, ignore);
    }
    expect(await publisher.publish(Counted, { n: 0 })).toEqual({ broadcast: 0, groups: { billing: 1, audit: 1 } });
    const burst = await Promise.all(numbers(9).map((n) => publisher.publish(Counted, { n })));
    for (const receipt of burst) expect(receipt).toEqual({ broadcast: 0, groups: { billing: 1, audit: 1 } });
  }),

  behaviour('counts broadcast and groups side by side', ['groups'], async (world) => {
    const [publisher, board] = [await world.bus('publisher'), await world.bus('board')];
    await board.subscribe(Counted, ignore);
    await board.subscribe(Counted, ignore, { broadcast: true });
    expect(await publisher.publish(Counted, { n: 0 })).toEqual({ broadcast: 1, groups: { board: 1 } });
  }),

  behaviour(
    'counts a group that has left as 0, and does not name one that was never there',
    ['groups'],
    async (world) => {
      const [publisher, leaves, closes] = [
        await world.bus('publisher'),
        await world.bus('leaves'),
        await world.bus('closes'),
      ];
      const inbox = new Inbox();
      const subscription = await leaves.subscribe(Counted, inbox.take);
      await closes.subscribe(Counted, inbox.take);
      await Promise.all([subscription.end(), closes.close()]);
      expect(await publisher.publish(Counted, { n: 0 })).toEqual({ broadcast: 0, groups: { leaves: 0, closes: 0 } });
      await leaves.subscribe(Counted, inbox.take);
      expect(await publisher.publish(Counted, { n: 1 })).toEqual({ broadcast: 0, groups: { leaves: 1, closes: 0 } });
      expect(await inbox.first(1)).toEqual([{ n: 1 }]);
    },
  ),

  behaviour('no longer counts a broadcast subscriber that has ended', [], async (world) => {
    const [publisher, stays, ends] = await world.buses(3);
    await stays!.subscribe(Counted, ignore, { broadcast: true });
    const subscription = await ends!.subscribe(Counted, ignore, { broadcast: true });
    expect((await publisher!.publish(Counted, { n: 0 })).broadcast).toBe(2);
    await subscription.end();
    expect((await publisher!.publish(Counted, { n: 0 })).broadcast).toBe(1);
  }),
];
