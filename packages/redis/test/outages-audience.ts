// What the tests of outages share: every kind of subscription in two instances of one service, and one that publishes and asks.
import { defineChannel } from '@belfry/contracts';
import type { Bus } from '@belfry/core';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import type { RedisTransportOptions } from '../src/index.js';
import { membersKey } from '../src/names.js';
import { OrderPaid, until } from './durable-world.js';
import { DoWork } from './work.js';
import { collectingLogger, OrderPlaced, range, startBus } from './world.js';

const Rumours = defineChannel('rumours');

/** How something is sent. */
export const ways = ['event', 'durable', 'bare', 'request'] as const;
export type Way = (typeof ways)[number];

/** What each subscription has handled, in order. What two instances share is noted in one list. */
export interface Heard {
  readonly group: number[];
  readonly broadcast: number[];
  readonly otherBroadcast: number[];
  readonly pattern: number[];
  readonly bare: number[];
  readonly responders: number[];
  readonly durableGroup: number[];
  readonly durableBroadcast: number[];
}

const listeners: Record<Way, readonly (keyof Heard)[]> = {
  event: ['group', 'broadcast', 'otherBroadcast', 'pattern'],
  durable: ['durableGroup', 'durableBroadcast'],
  bare: ['bare'],
  request: ['responders'],
};

export const RINGS = ['belfry:orders.placed', 'belfry:orders.paid', 'belfry:work.do/request'];

export interface AudienceOptions {
  /** Of the two instances of `app`. */
  readonly app: RedisTransportOptions;
  /** Of the one that publishes and asks. Default: the same. */
  readonly asker?: RedisTransportOptions;
  /** Whether one of them listens to a pattern, too, which it cannot on a Cluster. Default: yes. */
  readonly patterns?: boolean;
}

/** A service in two instances that listens in every way there is, and somebody who talks to it. Needs a Redis of its own. */
export class Audience {
  readonly heard: Heard = {
    group: [],
    broadcast: [],
    otherBroadcast: [],
    pattern: [],
    bare: [],
    responders: [],
    durableGroup: [],
    durableBroadcast: [],
  };
  /** Events that no member of the group has received, as their receipts said. */
  readonly unreceived: number[] = [];
  readonly logger = collectingLogger();
  readonly one: Bus;
  readonly two: Bus;
  readonly asker: Bus;
  readonly #patterns: boolean;
  #next = 0;

  constructor({ app, asker = app, patterns = true }: AudienceOptions) {
    const { logger } = this;
    this.#patterns = patterns;
    this.one = startBus('app', app, { logger });
    this.two = startBus('app', app, { logger });
    this.asker = startBus('asker', asker, { logger });
  }

  /** One that has subscribed to everything, and has heard something in every way. */
  static async gather(options: AudienceOptions): Promise<Audience> {
    const audience = new Audience(options);
    await audience.subscribe();
    await audience.hearsEverythingOnce();
    return audience;
  }

  /** Subscribes to everything. All of it, or nothing. */
  async subscribe(): Promise<void> {
    const { one, two, heard } = this;
    const into =
      (list: number[]) =>
      ({ n }: { n: number }) =>
        void list.push(n);
    const settled = await Promise.allSettled([
      ...[one, two].flatMap((bus) => [
        bus.subscribe(OrderPlaced, into(heard.group)),
        bus.subscribe(OrderPaid, into(heard.durableGroup)),
        bus.respond(DoWork, ({ n }) => {
          heard.responders.push(n);
          return { n, by: bus.instance };
        }),
      ]),
      one.subscribe(OrderPlaced, into(heard.broadcast), { broadcast: true }),
      two.subscribe(OrderPlaced, into(heard.otherBroadcast), { broadcast: true }),
      ...(this.#patterns
        ? [one.subscribe('*.placed', (data) => void heard.pattern.push((data as { n: number }).n))]
        : []),
      two.subscribe(Rumours, (text) => void (/^\d+$/.test(text) && heard.bare.push(Number(text)))), // strangers talk there, too
      one.subscribe(OrderPaid, into(heard.durableBroadcast), { broadcast: true }),
    ]);
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed === undefined) return;
    await Promise.all(settled.map((each) => each.status === 'fulfilled' && each.value.end()));
    throw failed.reason;
  }

  /** A number that nobody has heard before. */
  nextNumber(): number {
    return this.#next++;
  }

  /** Sends a number. Rejects as `publish()` and `request()` do. */
  async say(way: Way, n: number, timeout: number): Promise<void> {
    if (way === 'event') {
      const { groups } = await this.asker.publish(OrderPlaced, { n });
      if (groups.app !== 1) this.unreceived.push(n);
    } else if (way === 'durable') await this.asker.publish(OrderPaid, { n });
    else if (way === 'bare') await this.asker.publish(Rumours, String(n));
    else expect(await this.asker.request(DoWork, { n }, { timeout })).toMatchObject({ n });
  }

  /** Where a number should be heard that was sent in this way. */
  listsOf(way: Way): number[][] {
    const names = listeners[way].filter((name) => name !== 'pattern' || this.#patterns);
    return names.map((name) => this.heard[name]);
  }

  /** Sends some numbers in every way: each has to arrive, once at every subscription, in order where it is promised. */
  async hearsEverythingOnce(): Promise<void> {
    const numbers = range(8).map(() => this.nextNumber());
    await Promise.all(ways.flatMap((way) => numbers.map((n) => this.say(way, n, 5000))));
    await until(() => ways.every((way) => this.listsOf(way).every((list) => numbers.every((n) => list.includes(n)))));
    // The last one stands behind everything that came to the same connection: what came twice has come by then.
    const last = this.nextNumber();
    await Promise.all(ways.map((way) => this.say(way, last, 5000)));
    await until(() => ways.every((way) => this.listsOf(way).every((list) => list.includes(last))));
    for (const [name, list] of Object.entries(this.heard) as [keyof Heard, number[]][]) {
      if (name === 'pattern' && !this.#patterns) continue;
      const own = list.filter((n) => n === last || numbers.includes(n)); // others may be on their way at the same time
      const isShared = name === 'group' || name === 'responders' || name === 'durableGroup';
      expect(isShared ? own.toSorted((a, b) => a - b) : own, name).toEqual([...numbers, last]);
    }
  }

  /** Who is connected, what is listened to and how often, and who is in which ring: what has to be the same after an outage as before. */
  async standing(admin: Redis): Promise<Record<string, unknown>> {
    const shards = (await admin.call('PUBSUB', 'SHARDCHANNELS')) as string[];
    const all = (await admin.pubsub('CHANNELS')) as string[];
    const channels = all.filter((name) => !name.startsWith('__sentinel__'));
    const rings = await Promise.all(RINGS.map((channel) => admin.hgetall(membersKey(channel))));
    return {
      connections: namesOf(String(await admin.client('LIST'))).sort(),
      shards: countsOf(shards.length === 0 ? [] : await admin.call('PUBSUB', 'SHARDNUMSUB', ...shards)),
      channels: countsOf(channels.length === 0 ? [] : await admin.pubsub('NUMSUB', ...channels)),
      patterns: await admin.pubsub('NUMPAT'),
      rings: rings.map((ring) => Object.entries(ring).map(([group, places]) => [group, placesIn(places)])),
    };
  }

  /** What {@link standing} has to be: two connections each, one ear for each subscription, one place for each instance. */
  get wholeStanding(): Record<string, unknown> {
    const { one, two, asker } = this;
    const buses = [one, two, asker];
    const inboxes = RINGS.flatMap((channel) =>
      [one, two].map(({ instance }) => `belfry:{${channel}}:inbox:app:${instance}`),
    );
    const mail = buses.map((bus) => `belfry:{belfry:${bus === asker ? 'asker' : 'app'}/${bus.instance}}:inbox`);
    const probes = buses.map(({ instance }) => `belfry:{${instance}}:probe`);
    return {
      connections: buses
        .flatMap((bus) =>
          ['commands', 'subscriber'].map((role) => `belfry:${bus === asker ? 'asker' : 'app'}:${bus.instance}:${role}`),
        )
        .sort(),
      shards: Object.fromEntries([...inboxes, ...mail, ...probes].map((name) => [name, 1])),
      channels: {
        'belfry:{belfry:orders.placed}:all': 2,
        'belfry:{belfry:orders.placed}:all:02': 2,
        'belfry:{belfry:orders.paid}:all': 1,
        'belfry:{belfry:orders.paid}:all:02': 1,
        rumours: 1,
        '__redis__:invalidate': buses.length, // by which they notice a flush
      },
      patterns: 1,
      rings: RINGS.map(() => [['app', [one.instance, two.instance].sort()]]),
    };
  }

  /** Resolves once everybody is back, exactly once. */
  async isWhole(admin: Redis, timeout = 15_000): Promise<void> {
    await expect.poll(() => this.standing(admin).catch(String), { timeout, interval: 10 }).toEqual(this.wholeStanding);
  }

  /** How often a connection that had been up was lost. */
  get interruptions(): number {
    return this.logger.lines.filter((line) => line.includes('Redis is away')).length;
  }

  /** How often one was back. */
  get returns(): number {
    return this.logger.lines.filter((line) => line.includes('Redis is back.')).length;
  }
}

const namesOf = (clients: string): string[] =>
  [...clients.matchAll(/ name=(belfry:\S+)/g)].map(([, name]) => name as string);

export const countsOf = (pairs: unknown): Record<string, number> => {
  const flat = pairs as unknown[];
  return Object.fromEntries(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, Number(flat[at + 1])]] : [])));
};

/** The instances in a ring: 18 characters a place, of which 16 are the id. */
export const placesIn = (ring: string): string[] =>
  (ring.match(/.{1,18}/g) ?? []).map((place) => place.slice(0, 16)).sort();
