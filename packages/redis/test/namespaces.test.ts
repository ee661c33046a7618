import { type AnyContract, defineEvent, defineRequest } from '@belfry/contracts';
import type { Bus } from '@belfry/core';
import type { RedisServer } from '@belfry/testing';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectTo, startOwnRedis, startProxyTo, until } from './durable-world.js';
import { goAway } from './loss-world.js';
import { range, startBus } from './world.js';

const schema = z.object({ from: z.string(), n: z.number() });
const Placed = defineEvent('orders.placed', { schema });
const Keyed = defineEvent('orders.keyed', { schema, key: ({ from }) => from });
const Kept = defineEvent('orders.kept', { schema, recover: {} });
const Paid = defineEvent('orders.paid', { schema, guarantee: 'durable', retain: { age: 0 } });
const Failed = defineEvent('orders.failed', { schema, guarantee: 'durable' });
const WhoseAreYou = defineRequest('shop.whose', { input: schema, output: z.object({ answeredBy: z.string() }) });
const events: readonly AnyContract[] = [Placed, Keyed, Kept, Paid, Failed];

let redis: RedisServer;
let admin: Redis;
beforeEach(async () => {
  redis = await startOwnRedis();
  admin = connectTo(redis.url);
});

/** The same services in one namespace: everything that Belfry can do, and what each of them has handled. */
class House {
  readonly handled: { readonly how: string; readonly from: string; readonly n: number }[] = [];
  readonly worker: Bus;
  readonly publisher: Bus;

  constructor(
    readonly namespace: string,
    url: string,
  ) {
    this.worker = startBus('billing', { url }, { namespace });
    this.publisher = startBus('publisher', { url: redis.url }, { namespace });
  }

  async open(): Promise<this> {
    const { worker, namespace } = this;
    const note = (how: string) => (data: unknown) =>
      void this.handled.push({ how, ...(data as { from: string; n: number }) });
    for (const event of [Placed, Keyed, Kept, Paid]) await worker.subscribe(event, note(`group of ${event.name}`));
    for (const event of [Placed, Kept, Paid])
      await worker.subscribe(event, note(`broadcast of ${event.name}`), { broadcast: true });
    const fail = () => {
      throw new Error('no');
    };
    await worker.subscribe(Failed, fail, { retry: { attempts: 1 } });
    await worker.subscribe('**', note('pattern'));
    await worker.subscribe('orders.*', note('pattern'));
    await worker.respond(WhoseAreYou, () => ({ answeredBy: namespace }));
    return this;
  }

  /** @param overheardBy how many namespaces have a `**` of which Redis knows no better than that it may match */
  async publish(n: number, overheardBy = 0): Promise<void> {
    const from = this.namespace;
    const receipts = await Promise.all(
      events.map((event) => this.publisher.publish(event as typeof Placed, { from, n })),
    );
    for (const { groups } of receipts) expect(groups).toEqual({ billing: 1 });
    expect(receipts[0]?.broadcast).toBe(3 + overheardBy); // one broadcast, two patterns
    expect(await this.publisher.request(WhoseAreYou, { from, n })).toEqual({ answeredBy: from });
  }

  of(how: string): number[] {
    return this.handled.filter((each) => each.how === how).map(({ n }) => n);
  }
}

/** Every key and channel that there is in Redis now, without what instances keep for themselves. */
async function namesIn(): Promise<string[]> {
  const [keys, classic, sharded] = await Promise.all([
    admin.keys('*'),
    admin.pubsub('CHANNELS') as Promise<string[]>,
    admin.pubsub('SHARDCHANNELS') as Promise<string[]>,
  ]);
  return [...keys, ...classic, ...sharded];
}

describe('namespaces on one Redis', () => {
  it.each([
    ['that have nothing in common', ['shop', 'bank']],
    ['one of which is the beginning of the other', ['shop', 'shop:eu', 'shop.eu', 'shop-eu', 'shop:eu:west']],
    ['that look like names of events', ['orders', 'orders.placed', 'belfry']],
  ])('never meet: %s', async (_, namespaces) => {
    const houses = await Promise.all(namespaces.map((namespace) => new House(namespace, redis.url).open()));
    const rounds = range(3);
    // A star of Redis crosses colons too: the `**` of `shop` is sent what `shop:eu` publishes, is counted in its receipts, and drops it.
    const overhearing = ({ namespace }: House) => namespaces.filter((each) => namespace.startsWith(`${each}:`)).length;
    for (const n of rounds) await Promise.all(houses.map((house) => house.publish(n, overhearing(house))));
    for (const house of houses) {
      await until(() => house.of('pattern').length === 2 * 5 * rounds.length);
      for (const event of [Placed, Keyed, Kept, Paid]) {
        await until(() => house.of(`group of ${event.name}`).length === rounds.length);
        expect(house.of(`group of ${event.name}`).sort()).toEqual(rounds);
      }
      for (const event of [Placed, Kept, Paid]) {
        await until(() => house.of(`broadcast of ${event.name}`).length === rounds.length);
        expect(house.of(`broadcast of ${event.name}`)).toEqual(rounds);
      }
      expect(new Set(house.handled.map(({ from }) => from))).toEqual(new Set([house.namespace]));
      const { worker } = house;
      await until(async () => (await worker.inspect(Failed).deadLetters('billing').list()).length === rounds.length);
      for (const { stats } of worker.subscriptions) expect(stats).toMatchObject({ missed: 0, dropped: 0 });
    }
  });

  it('purge only their own dead letters', async () => {
    const houses = [await new House('shop', redis.url).open(), await new House('shop:eu', redis.url).open()] as const;
    for (const [overheardBy, house] of houses.entries()) await house.publish(0, overheardBy);
    const dead = (house: House) => house.worker.inspect(Failed).deadLetters('billing').list();
    for (const house of houses) await until(async () => (await dead(house)).length === 1);
    await houses[0].worker.inspect(Failed).deadLetters('billing').purge('all');
    expect(await dead(houses[0])).toHaveLength(0);
    expect(await dead(houses[1])).toHaveLength(1);
  });

  it('recover only their own events', async () => {
    const proxy = await startProxyTo(redis.url);
    const houses = [await new House('shop', proxy.url).open(), await new House('shop:eu', proxy.url).open()] as const;
    for (const [overheardBy, house] of houses.entries()) await house.publish(0, overheardBy);
    for (const house of houses) {
      await until(() => house.of('broadcast of orders.kept').length === 1);
      await goAway(proxy, house.worker, admin, `${house.namespace}:orders.kept`);
    }
    for (const { publisher, namespace: from } of houses)
      for (const n of range(20, 1)) await publisher.publish(Kept, { from, n });
    await proxy.accept();
    for (const house of houses) {
      await until(() => house.of('broadcast of orders.kept').length === 21);
      expect(house.of('broadcast of orders.kept')).toEqual(range(21));
      expect(new Set(house.handled.map(({ from }) => from))).toEqual(new Set([house.namespace]));
    }
  });

  it('share no key and no channel', async () => {
    const namesOf = async (namespace: string) => {
      await admin.flushall();
      const house = await new House(namespace, redis.url).open();
      await house.publish(0);
      await until(async () => (await house.worker.inspect(Failed).deadLetters('billing').list()).length === 1);
      const names = await namesIn();
      const instances = [house.worker.instance, house.publisher.instance];
      await Promise.all([house.worker.close(), house.publisher.close()]);
      expect(names.length).toBeGreaterThan(20);
      return { names, instances };
    };
    const seen = new Map<string, string>();
    for (const namespace of ['shop', 'shop:eu', 'shop.eu']) {
      const { names, instances } = await namesOf(namespace);
      for (const name of names) {
        if (name === '__redis__:invalidate') continue; // Redis's own
        expect(seen.get(name)).toBeUndefined();
        seen.set(name, namespace);
        // It belongs to the namespace by its hash tag, or to one instance.
        const tag = /^belfry:\{(.*?)\}/.exec(name)?.[1] ?? name;
        const isOwn = tag.startsWith(`${namespace}:`) && !tag.slice(namespace.length + 1).includes(':');
        const isOfInstance = instances.some((instance) => tag.includes(instance));
        expect(isOwn || isOfInstance ? '' : name).toBe('');
      }
    }
  });
});

describe('what is no namespace', () => {
  it('a database number: its channels are shared by all databases, its keys are not', async () => {
    const contract = Placed;
    const handled: string[] = [];
    for (const db of [0, 1]) {
      const bus = startBus('screen', { url: `${redis.url}/${db}` });
      await bus.subscribe(contract, ({ from }) => void handled.push(`${from} in ${db}`), { broadcast: true });
    }
    const publisher = startBus('publisher', { url: `${redis.url}/1` });
    expect((await publisher.publish(contract, { from: 'db 1', n: 0 })).broadcast).toBe(2);
    await until(() => handled.length === 2);
    expect(handled.sort()).toEqual(['db 1 in 0', 'db 1 in 1']);
    // And groups fall apart: a ring is a key, so the publisher does not see the group of the other database.
    const worker = startBus('billing', { url: `${redis.url}/0` });
    await worker.subscribe(contract, () => {});
    expect((await publisher.publish(contract, { from: 'db 1', n: 1 })).groups).toEqual({});
  });

  it("ioredis's keyPrefix: it is not used", async () => {
    const prefixed = (keyPrefix: string) => ({ url: redis.url, redis: { keyPrefix } });
    const handled: number[] = [];
    const worker = startBus('billing', prefixed('one:'));
    await worker.subscribe(Placed, ({ n }) => void handled.push(n));
    const publisher = startBus('publisher', prefixed('two:'));
    expect((await publisher.publish(Placed, { from: 'two', n: 7 })).groups).toEqual({ billing: 1 });
    await until(() => handled.length === 1);
    expect((await admin.keys('*')).filter((key) => /^(one|two):/.test(key))).toEqual([]);
  });
});
