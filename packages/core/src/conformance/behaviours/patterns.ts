import { defineEvent } from '@belfry/contracts';
import { expect } from 'vitest';
import { behaviour } from '../behaviour.js';
import type { Numbered } from '../contracts.js';
import { Inbox } from '../inbox.js';
import { anything } from '../schemas.js';
import { until } from '../waiting.js';

const schema = anything<Numbered>();
const published = [
  defineEvent('orders.placed', { schema }),
  defineEvent('orders.placed', { schema, version: 2 }),
  defineEvent('orders.line.added', { schema }),
  defineEvent('orders', { schema }),
  defineEvent('invoices.placed', { schema }),
  defineEvent('ordersxplaced', { schema }),
];
const expected: Record<string, string[]> = {
  'orders.*': ['orders.placed'],
  'orders.**': ['orders.placed', 'orders.line.added'],
  '*.placed': ['orders.placed', 'invoices.placed'],
  '*': ['orders', 'ordersxplaced'],
  '**': ['orders.placed', 'orders.line.added', 'orders', 'invoices.placed', 'ordersxplaced'],
  'orders.*.v2': ['orders.placed.v2'],
  '**.v2': ['orders.placed.v2'],
  'orders.placed': ['orders.placed'],
  'orders.*.added': ['orders.line.added'],
  'nothing.*': [],
};

/** A subscription to whatever has a name like this. */
export const patterns = [
  behaviour('matches names segment by segment, and versions only when asked', ['patterns'], async (world) => {
    const [publisher, bus] = await world.buses(2);
    const names = new Map<string, string[]>(Object.keys(expected).map((pattern) => [pattern, []]));
    for (const [pattern, matched] of names) {
      await bus!.subscribe(pattern, (_, { channel }) => {
        matched.push(channel.slice(world.namespace.length + 1));
      });
    }
    for (const [n, contract] of published.entries()) await publisher!.publish(contract, { n });
    for (const [pattern, wanted] of Object.entries(expected)) {
      await until(() => names.get(pattern)!.length >= wanted.length, `${pattern} to match ${wanted}`);
    }
    // One more round on the same channels: what had to come of the first round has come once the second is there.
    for (const [n, contract] of published.entries()) await publisher!.publish(contract, { n });
    for (const [pattern, wanted] of Object.entries(expected)) {
      await until(() => names.get(pattern)!.length >= wanted.length * 2, `${pattern} to match ${wanted} again`);
    }
    for (const [pattern, wanted] of Object.entries(expected)) {
      expect(names.get(pattern)!.toSorted(), pattern).toEqual([...wanted, ...wanted].toSorted());
    }
  }),

  behaviour('tells a pattern handler what came, without a schema', ['patterns'], async (world) => {
    const [publisher, bus] = [await world.bus('publisher'), await world.bus('tap')];
    const inbox = new Inbox();
    await bus.subscribe('orders.*', inbox.take);
    expect((await publisher.publish(published[0]!, { n: 1 })).broadcast).toBeGreaterThanOrEqual(1);
    expect(await inbox.first(1)).toEqual([{ n: 1 }]);
    expect(inbox.contexts[0]).toMatchObject({ type: 'orders.placed', version: 1, group: undefined });
  }),

  behaviour(
    'gives exact, group and pattern handlers that overlap each message once',
    ['patterns', 'groups'],
    async (world) => {
      const [publisher, bus] = [await world.bus('publisher'), await world.bus('app')];
      const [placed, , added] = published;
      const taken: Record<string, number[]> = { exact: [], group: [], star: [], starred: [], twoStars: [] };
      const into = (name: string) => (data: unknown) => void taken[name]!.push((data as Numbered).n);
      await bus.subscribe(placed!, into('exact'), { broadcast: true });
      await bus.subscribe(placed!, into('group'));
      await bus.subscribe('orders.*', into('star'));
      await bus.subscribe('*.placed', into('starred'));
      await bus.subscribe('orders.**', into('twoStars'));
      for (let n = 0; n < 20; n++) await publisher.publish(placed!, { n });
      await publisher.publish(added!, { n: 20 });
      await until(
        () => taken.twoStars!.includes(20) && Object.values(taken).every(({ length }) => length >= 20),
        'all',
      );
      await publisher.publish(placed!, { n: 21 });
      await until(() => Object.values(taken).every((list) => list.includes(21)), 'the last message everywhere');
      const once = Array.from({ length: 20 }, (_, n) => n).concat(21);
      expect(taken).toEqual({
        exact: once,
        group: once,
        star: once,
        starred: once,
        twoStars: [...once.slice(0, 20), 20, 21],
      });
    },
  ),

  behaviour('brings nothing more to a pattern handler that has ended', ['patterns'], async (world) => {
    const [publisher, bus] = await world.buses(2);
    const [ended, stays] = [new Inbox<unknown>(), new Inbox<unknown>()];
    const subscription = await bus!.subscribe('orders.*', ended.take);
    await bus!.subscribe('orders.**', stays.take);
    await publisher!.publish(published[0]!, { n: 1 });
    await ended.first(1);
    await subscription.end();
    await publisher!.publish(published[0]!, { n: 2 });
    await stays.first(2);
    expect(ended.data).toEqual([{ n: 1 }]);
  }),

  behaviour('refuses a pattern that no event could match', ['patterns'], async (world) => {
    const bus = await world.bus();
    for (const pattern of ['', 'Orders.*', 'orders.', 'orders.pl*', 'orders.***', 'orders placed']) {
      await expect(
        bus.subscribe(pattern, () => {}),
        pattern,
      ).rejects.toMatchObject({ code: 'CONTRACT_INVALID' });
    }
  }),
];
