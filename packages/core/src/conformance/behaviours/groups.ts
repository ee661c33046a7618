import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { nextTurn, pause } from '../waiting.js';

const ascending = (values: number[]): number[] => values.toSorted((a, b) => a - b);

/** Replicas share the work. */
export const groups = [
  ...[
    { how: 'a burst', pace: async () => {} },
    { how: 'events that come one by one', pace: nextTurn },
  ].map(({ how, pace }) =>
    behaviour(
      `handles each event of ${how} once per group, and gives every replica a share`,
      ['groups'],
      async (world) => {
        const [publisher, ...replicas] = [await world.bus('publisher'), ...(await world.buses(3, 'billing'))];
        const inboxes = replicas.map(() => new Inbox<Numbered>());
        await Promise.all(replicas.map((bus, index) => bus.subscribe(Counted, inboxes[index]!.take)));
        const published: Promise<unknown>[] = [];
        for (const n of numbers(300)) {
          published.push(publisher.publish(Counted, { n }));
          await pace();
        }
        await Promise.all(published);
        await new Marks(...inboxes).pass(publisher, Counted);
        expect(ascending(inboxes.flatMap(unmarked))).toEqual(numbers(300));
        for (const inbox of inboxes) expect(unmarked(inbox).length).toBeGreaterThan(30);
      },
    ),
  ),

  behaviour('shares the work also when every event has a publisher of its own', ['groups'], async (world) => {
    const replicas = await world.buses(2, 'billing');
    const inboxes = replicas.map(() => new Inbox<Numbered>());
    await Promise.all(replicas.map((bus, index) => bus.subscribe(Counted, inboxes[index]!.take)));
    const publishers = await world.buses(24, 'publisher');
    await Promise.all(publishers.map((publisher, n) => publisher.publish(Counted, { n })));
    await new Marks(...inboxes).pass(publishers[0]!, Counted);
    expect(ascending(inboxes.flatMap(unmarked))).toEqual(numbers(24));
    for (const inbox of inboxes) expect(unmarked(inbox).length, 'publishers start at random').toBeGreaterThan(0);
  }),

  behaviour('gives every event to every group', ['groups'], async (world) => {
    const publisher = await world.bus('publisher');
    const [billing, audit, shipping] = [new Inbox<Numbered>(), new Inbox<Numbered>(), new Inbox<Numbered>()];
    const bus = await world.bus('billing');
    await bus.subscribe(Counted, billing.take);
    await bus.subscribe(Counted, audit.take, { group: 'billing.audit' });
    await (await world.bus('shipping')).subscribe(Counted, shipping.take);
    await Promise.all(numbers(100).map((n) => publisher.publish(Counted, { n })));
    await new Marks(billing, audit, shipping).pass(publisher, Counted);
    for (const inbox of [billing, audit, shipping]) expect(unmarked(inbox)).toEqual(numbers(100));
  }),

  behaviour('loses nothing and handles nothing twice while a member joins and leaves', ['groups'], async (world) => {
    const [publisher, stays, comes] = [await world.bus('publisher'), ...(await world.buses(2, 'billing'))];
    const inbox = new Inbox<Numbered>();
    const passing = new Inbox<Numbered>();
    await stays!.subscribe(Counted, inbox.take);
    let coming = true;
    const visits = (async () => {
      for (let visit = 0; visit < 10; visit++) {
        const subscription = await comes!.subscribe(Counted, passing.take);
        const before = passing.size;
        await passing.first(before + 5);
        await subscription.end();
      }
    })().finally(() => {
      coming = false;
    });
    const published: Promise<{ groups: Readonly<Record<string, number>> }>[] = [];
    while (coming) {
      published.push(publisher.publish(Counted, { n: published.length }));
      await pause(1);
    }
    await visits;
    for (const { groups } of await Promise.all(published)) expect(groups).toEqual({ billing: 1 });
    await new Marks(inbox).pass(publisher, Counted);
    expect(ascending([...unmarked(inbox), ...unmarked(passing)])).toEqual(numbers(published.length));
  }),
];
