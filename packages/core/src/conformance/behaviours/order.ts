import { expect } from 'vitest';
import type { SubscribeOptions } from '../../bus.js';
import { behaviour } from '../behaviour.js';
import { Counted, type Numbered, numbers, Recounted } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { nextTurn, until } from '../waiting.js';

const audiences: { to: string; options: SubscribeOptions }[] = [
  { to: 'a broadcast subscriber', options: { broadcast: true, concurrency: 1 } },
  { to: 'the one member of a group', options: { concurrency: 1 } },
];
const paces: { how: string; pace: (n: number) => Promise<void> | undefined }[] = [
  { how: 'in one turn', pace: () => undefined },
  { how: 'one per turn', pace: nextTurn },
  { how: 'in bursts of all sizes', pace: (n) => (n % 7 === 0 || n % 50 === 0 ? nextTurn() : undefined) },
];

/** One subscriber gets what one publisher publishes on one channel in that order. */
export const order = [
  ...audiences.flatMap(({ to, options }) =>
    paces.map(({ how, pace }) =>
      behaviour(
        `brings 1000 events, published ${how}, to ${to} in order`,
        options.broadcast ? [] : ['groups'],
        async (world) => {
          const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('subscriber')];
          const inbox = new Inbox<Numbered>();
          await subscriber.subscribe(Counted, inbox.take, options);
          const published: Promise<unknown>[] = [];
          for (const n of numbers(1000)) {
            published.push(publisher.publish(Counted, { n }));
            await pace(n);
          }
          await Promise.all(published);
          expect((await inbox.first(1000)).map(({ n }) => n)).toEqual(numbers(1000));
        },
      ),
    ),
  ),

  behaviour('keeps the order of each publisher and each channel when several publish at once', [], async (world) => {
    const [subscriber, ...publishers] = await world.buses(4);
    const inbox = new Inbox<Numbered>();
    await subscriber!.subscribe([Counted, Recounted], inbox.take, { broadcast: true, concurrency: 1 });
    const published: Promise<unknown>[] = [];
    for (const n of numbers(200)) {
      for (const publisher of publishers) {
        published.push(publisher.publish(Counted, { n }), publisher.publish(Recounted, { n }));
      }
      if (n % 10 === 0) await nextTurn();
    }
    await Promise.all(published);
    await inbox.first(1200);
    for (const { instance } of publishers) {
      for (const { name } of [Counted, Recounted]) {
        const own = inbox.data.filter((_, index) => {
          const { source, type } = inbox.contexts[index]!;
          return source?.endsWith(instance) && type === name;
        });
        expect(own.map(({ n }) => n)).toEqual(numbers(200));
      }
    }
  }),

  behaviour('keeps the order of each member when a burst is dealt out over a group', ['groups'], async (world) => {
    const [publisher, ...replicas] = [await world.bus('publisher'), ...(await world.buses(3, 'billing'))];
    const inboxes = replicas.map(() => new Inbox<Numbered>());
    await Promise.all(replicas.map((bus, index) => bus.subscribe(Counted, inboxes[index]!.take, { concurrency: 1 })));
    await Promise.all(numbers(600).map((n) => publisher.publish(Counted, { n })));
    await until(() => inboxes.reduce((sum, { size }) => sum + size, 0) === 600, 'six hundred messages');
    for (const { data } of inboxes) {
      expect(data.map(({ n }) => n)).toEqual(data.map(({ n }) => n).toSorted((a, b) => a - b));
    }
  }),
];
