import { expect } from 'vitest';
import type { Bus } from '../../bus.js';
import { behaviour } from '../behaviour.js';
import { Keyed, type KeyedNumber, numbers } from '../contracts.js';
import { Gate, nextTurn, pause, until } from '../waiting.js';
import type { World } from '../world.js';

const keyNames = (count: number): string[] => numbers(count).map((n) => `customer ${n}`);

/** A group whose members write down who handled which key. */
class Household {
  readonly #owners = new Map<string, Bus>();

  join(bus: Bus): Promise<{ end(): Promise<void> }> {
    return bus.subscribe(Keyed, ({ key }) => {
      this.#owners.set(key, bus);
    });
  }

  /** Has one event published for each name, and says who got which. */
  async deal(names: readonly string[], publish: (key: string) => Promise<unknown>): Promise<Map<string, Bus>> {
    this.#owners.clear();
    await Promise.all(names.map(publish));
    const all = () => `${names.length} keys, of which ${this.#owners.size} came`;
    await until(() => this.#owners.size === names.length, all);
    return new Map(this.#owners);
  }
}

const moved = (before: Map<string, Bus>, after: Map<string, Bus>): number =>
  [...before].filter(([key, owner]) => after.get(key) !== owner).length / before.size;

async function household(world: World, members: number) {
  const group = new Household();
  const buses = await world.buses(members, 'billing');
  const places = await Promise.all(buses.map((bus) => group.join(bus)));
  const publisher = await world.bus('publisher');
  const publish = (key: string) => publisher.publish(Keyed, { key, n: 0 });
  return { group, places, publisher, publish };
}

/** Events with one key belong together. */
export const keys = [
  behaviour('gives all events of one key to the same member, and every member some keys', ['groups'], async (world) => {
    const { group, publish } = await household(world, 3);
    const other = await world.bus('publisher');
    const first = await group.deal(keyNames(200), publish);
    expect(new Set(first.values()).size).toBe(3);
    expect(moved(first, await group.deal(keyNames(200).toReversed(), publish))).toBe(0);
    const second = await group.deal(keyNames(200), (key) => other.publish(Keyed, { key, n: 0 }));
    expect(moved(first, second), 'whoever publishes').toBe(0);
    const alone = new Map<string, Bus>();
    for (const key of keyNames(20)) {
      for (const [name, owner] of await group.deal([key], publish)) alone.set(name, owner);
    }
    expect(moved(alone, first), 'a lone event goes where a burst goes').toBe(0);
  }),

  behaviour('moves only a part of the keys when a member joins or leaves', ['groups'], async (world) => {
    const { group, places, publish } = await household(world, 3);
    const three = await group.deal(keyNames(400), publish);
    await group.join(await world.bus('billing'));
    const four = await group.deal(keyNames(400), publish);
    await places[0]!.end();
    const threeAgain = await group.deal(keyNames(400), publish);
    for (const share of [moved(three, four), moved(four, threeAgain)]) {
      expect(share).toBeGreaterThan(0.05);
      expect(share).toBeLessThan(0.55);
    }
  }),

  behaviour(
    'handles the events of one key one at a time and in order, also with concurrency',
    ['groups'],
    async (world) => {
      const publisher = await world.bus('publisher');
      const replicas = await world.buses(2, 'billing');
      const handled = new Map<string, number[]>();
      const busy = new Set<string>();
      let overlaps = 0;
      let count = 0;
      const handle = async ({ key, n }: KeyedNumber) => {
        if (busy.has(key)) overlaps++;
        busy.add(key);
        await (n % 3 === 0 ? pause(n % 5) : nextTurn());
        handled.set(key, [...(handled.get(key) ?? []), n]);
        busy.delete(key);
        count++;
      };
      await Promise.all(replicas.map((bus) => bus.subscribe(Keyed, handle, { concurrency: 16 })));
      for (const n of numbers(40)) {
        for (const key of keyNames(10)) publisher.publish(Keyed, { key, n }).catch(() => {});
        if (n % 4 === 0) await nextTurn();
      }
      await until(
        () => count === 400,
        () => `400 keyed events, of which ${count} came`,
      );
      expect(overlaps).toBe(0);
      for (const key of keyNames(10)) expect(handled.get(key), key).toEqual(numbers(40));
    },
  ),

  behaviour('handles the events of different keys at the same time', ['groups'], async (world) => {
    const [publisher, subscriber] = [await world.bus('publisher'), await world.bus('billing')];
    const gate = new Gate();
    const done: string[] = [];
    await subscriber.subscribe(Keyed, async ({ key }) => {
      if (key === 'slow') await gate.opened;
      else gate.open();
      done.push(key);
    });
    await publisher.publish(Keyed, { key: 'slow', n: 0 });
    await publisher.publish(Keyed, { key: 'quick', n: 1 });
    await until(() => done.length === 2, 'two keys');
    expect(done[0]).toBe('quick');
  }),

  behaviour("takes a key that is given with a publish instead of the contract's", ['groups'], async (world) => {
    const { group, publisher, publish } = await household(world, 3);
    expect(new Set((await group.deal(keyNames(50), publish)).values()).size).toBe(3);
    const publishAsOne = (key: string) => publisher.publish(Keyed, { key, n: 0 }, { key: 'all the same' });
    expect(new Set((await group.deal(keyNames(50), publishAsOne)).values()).size).toBe(1);
  }),
];
