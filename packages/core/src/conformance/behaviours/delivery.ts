import { defineEvent } from '@belfry/contracts';
import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { Marks, unmarked } from '../marks.js';
import { schemaOf } from '../schemas.js';

const Departed = defineEvent('conformance.departed', {
  schema: schemaOf<{ at: string }, { at: Date }>(({ at }) =>
    typeof at === 'string' ? { value: { at: new Date(at) } } : { wrong: 'at' },
  ),
  key: ({ at }) => at.slice(0, 10),
  version: 3,
});

/** A message reaches whom it is meant for. */
export const delivery = [
  behaviour("gives the handler the output of the contract's schema", [], async (world) => {
    const [publisher, subscriber] = [await world.bus(), await world.bus()];
    const inbox = new Inbox<{ at: Date }>();
    await subscriber.subscribe(Departed, inbox.take, { broadcast: true });
    await publisher.publish(Departed, { at: '2026-01-31T12:00:00Z' });
    expect(await inbox.first(1)).toEqual([{ at: new Date('2026-01-31T12:00:00Z') }]);
  }),

  behaviour('tells the handler everything about the message', ['groups'], async (world) => {
    const [publisher, subscriber] = [await world.bus('tower'), await world.bus('board')];
    const inbox = new Inbox<{ at: Date }>();
    await subscriber.subscribe(Departed, inbox.take, { group: 'board.live' });
    const before = Date.now();
    await publisher.publish(Departed, { at: '2026-01-31T12:00:00Z' }, { extensions: { gate: 'B7', seats: 180 } });
    await inbox.first(1);
    const [context] = inbox.contexts;
    expect(context).toMatchObject({
      type: 'conformance.departed',
      version: 3,
      source: `/tower/${publisher.instance}`,
      group: 'board.live',
      key: '2026-01-31',
      channel: `${world.namespace}:conformance.departed.v3`,
      extensions: { gate: 'B7', seats: 180 },
    });
    expect(context?.data).toBe(inbox.data[0]);
    expect(context?.messageId).toMatch(/./);
    expect(context?.correlationId, 'a flow begins with its first message').toBe(context?.messageId);
    expect(context?.causationId).toBeUndefined();
    expect(context?.time.getTime()).toBeGreaterThanOrEqual(before);
    expect(context?.time.getTime()).toBeLessThanOrEqual(Date.now());
    expect(context?.signal.aborted).toBe(false);
  }),

  behaviour('names every message differently', [], async (world) => {
    const [one, other, subscriber] = [await world.bus(), await world.bus(), await world.bus()];
    const inbox = new Inbox<Numbered>();
    await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
    await Promise.all(numbers(200).map((n) => (n % 2 ? one : other).publish(Counted, { n })));
    await inbox.first(200);
    expect(new Set(inbox.contexts.map(({ messageId }) => messageId)).size).toBe(200);
  }),

  behaviour('reaches every instance with a broadcast, the publisher itself included', [], async (world) => {
    const buses = await world.buses(3);
    const inboxes = buses.map(() => new Inbox<Numbered>());
    await Promise.all(buses.map((bus, index) => bus.subscribe(Counted, inboxes[index]!.take, { broadcast: true })));
    await Promise.all(numbers(50).map((n) => buses[0]!.publish(Counted, { n })));
    await new Marks(...inboxes).pass(buses[0]!, Counted);
    for (const inbox of inboxes) expect(unmarked(inbox)).toEqual(numbers(50));
  }),

  behaviour(
    'has confirmed a subscription when subscribe() resolves: what is published next arrives',
    [],
    async (world) => {
      const publisher = await world.bus('publisher');
      for (const n of numbers(10)) {
        const subscriber = await world.bus();
        const inbox = new Inbox<Numbered>();
        await subscriber.subscribe(Counted, inbox.take, { broadcast: true });
        const { broadcast } = await publisher.publish(Counted, { n });
        expect(broadcast).toBe(n + 1);
        expect(await inbox.first(1)).toEqual([{ n }]);
      }
    },
  ),

  behaviour('has confirmed a place in a group when subscribe() resolves', ['groups'], async (world) => {
    const publisher = await world.bus('publisher');
    for (const n of numbers(10)) {
      const group = `group-${n}`;
      const subscriber = await world.bus(group);
      const inbox = new Inbox<Numbered>();
      await subscriber.subscribe(Counted, inbox.take);
      const { groups } = await publisher.publish(Counted, { n });
      expect(groups[group]).toBe(1);
      expect(await inbox.first(1)).toEqual([{ n }]);
    }
  }),

  behaviour('keeps namespaces apart', ['groups', 'patterns'], async (world) => {
    const [here, there] = [await world.bus(), await world.bus('app', { namespace: `${world.namespace}-other` })];
    const [mine, pattern, theirs] = [new Inbox<Numbered>(), new Inbox<Numbered>(), new Inbox<Numbered>()];
    await here.subscribe(Counted, mine.take);
    await here.subscribe('**', (data, context) => pattern.take(data as Numbered, context));
    await there.subscribe(Counted, theirs.take);
    await there.publish(Counted, { n: 1 });
    await here.publish(Counted, { n: 2 });
    await new Marks(theirs).pass(there, Counted);
    await new Marks(mine, pattern).pass(here, Counted);
    expect([unmarked(mine), unmarked(pattern), unmarked(theirs)]).toEqual([[2], [2], [1]]);
  }),
];
