import { setTimeout as sleep } from 'node:timers/promises';
import { defineEvent } from '@belfry/contracts';
import type { Bus, Subscription } from '@belfry/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { historyKey, logKey, membersKey } from '../src/names.js';
import { ClusterWorld } from './cluster-world.js';
import { numbersIn, OrderPaid, until } from './durable-world.js';
import { keptOf, Load, OrderKept, pause, watch } from './loss-world.js';
import { Audience } from './outages-audience.js';
import { outlives } from './outages-load.js';
import { collectingLogger, OrderPlaced, range, startBus } from './world.js';

const PATIENCE = 5000;
const PLACED = 'belfry:orders.placed';
const PAID = 'belfry:orders.paid';
const KEPT = 'belfry:orders.kept';

/** Counts the transient events that buses tell to have missed. */
function counting(...buses: Bus[]): (bus: Bus) => number {
  const counts = new Map(buses.map((bus) => [bus, 0]));
  for (const bus of buses) bus.on('gap', ({ missed }) => void counts.set(bus, (counts.get(bus) ?? 0) + missed));
  return (bus) => counts.get(bus) ?? 0;
}

describe('a Cluster whose slots move', { timeout: 60_000 }, () => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await ClusterWorld.start({ heartbeat: 500, patience: PATIENCE });
  });
  afterAll(() => world.stop());
  beforeEach(() => world.mend());

  it('there and back under load: every publish and request succeeds, nothing is lost unseen, nothing comes twice, and order is kept', async () => {
    const audience = await Audience.gather({ app: world.options, patterns: false });
    const missedBy = counting(audience.one, audience.two);
    const mail = `belfry:asker/${audience.asker.instance}`;
    const moves = async () => {
      for (const channel of [PLACED, PAID, 'belfry:work.do/request', 'rumours', mail, PLACED, PAID])
        await world.moveSlot(channel, { halfway: () => sleep(100) });
    };
    const load = await outlives(audience, moves, { admin: () => world.isWhole(audience), within: PATIENCE + 1000 });
    expect(load.said.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    const numbers = load.said.filter(({ way }) => way === 'event').map(({ n }) => n);
    // On a machine that is busy subscribers may take longer than publishers wait for them.
    const { one, two, heard, unreceived } = audience;
    expect(numbers.filter((n) => !heard.group.includes(n) && !unreceived.includes(n))).toEqual([]);
    for (const [bus, list] of [
      [one, heard.broadcast],
      [two, heard.otherBroadcast],
    ] as const)
      await until(() => missedBy(bus) === numbers.filter((n) => !list.includes(n)).length);
  });

  it('under bursts on many channels: the order of each channel is kept, and nothing is lost unseen', async () => {
    const contracts = range(16).map((at) => defineEvent(`stock.counted${at}`, { schema: z.object({ n: z.number() }) }));
    const heard = contracts.map((): number[] => []);
    const group = contracts.map((): number[] => []);
    const broadcasts: Subscription[] = [];
    const bus = startBus('app', world.options);
    for (const [at, contract] of contracts.entries()) {
      broadcasts.push(await bus.subscribe(contract, ({ n }) => void heard[at]?.push(n), { broadcast: true }));
      await bus.subscribe(contract, ({ n }) => void group[at]?.push(n), { concurrency: 1 });
    }
    const publisher = startBus('publisher', world.options);
    const loads = contracts.map((contract) => new Load(publisher, contract, { perTurn: 16, pause: () => pause(10) }));
    for (const at of range(8)) await world.moveSlot(`belfry:stock.counted${at}`, { halfway: () => pause(20) });
    for (const at of range(4)) await world.moveSlot(`belfry:stock.counted${at}`);
    await Promise.all(loads.map((load) => load.goesOnFor(100)));
    await Promise.all(loads.map((load) => load.stop()));
    expect(loads.flatMap(({ codes }) => codes)).toEqual([]);
    for (const [at, { next }] of loads.entries()) {
      await until(() => heard[at]!.length + broadcasts[at]!.stats.missed === next);
      await until(() => group[at]!.length >= next - loads[at]!.unreceived.length);
      for (const list of [heard[at]!, group[at]!]) expect(list).toEqual([...new Set(list)].toSorted((a, b) => a - b));
    }
  });

  it.each<[string, (key: string) => boolean]>([
    ['its log', (key) => key === logKey(PAID)],
    ['everything but its log', (key) => key !== logKey(PAID)],
  ])(
    'and stay half moved for a second, with %s over there: a durable log goes on where it was, with its groups',
    async (_, first) => {
      const logger = collectingLogger();
      const bus = startBus('app', world.options, { logger });
      const handled: number[] = [];
      await bus.subscribe(OrderPaid, async ({ n }) => {
        await sleep(20);
        handled.push(n);
      });
      const publisher = startBus('publisher', world.options, { logger });
      const load = new Load(publisher, OrderPaid, { pause: () => pause(5) });
      await load.goesOnFor(20);
      const epochOf = async () =>
        (await world.primaryOf(PAID)).admin.hget(logKey(PAID).replace(/log$/, 'about'), 'epoch');
      const epoch = await epochOf();
      await world.moveSlot(PAID, { first, halfway: () => sleep(1000) });
      await load.goesOnFor(20);
      await load.stop();
      expect(load.codes).toEqual([]);
      expect(await numbersIn((await world.primaryOf(PAID)).admin, PAID)).toEqual(range(load.next));
      await until(() => handled.length === load.next);
      expect(handled.toSorted((a, b) => a - b)).toEqual(range(load.next));
      expect(await epochOf()).toBe(epoch);
      expect(logger.lines.filter((line) => /error:|has lost/.test(line))).toEqual([]);
    },
  );

  it('with a history half moved: a broadcast subscriber that recovers has everything, in order and once', async () => {
    const subscribers = [startBus('screen', world.options), startBus('screen', world.options)];
    const screens = await Promise.all(subscribers.map((bus) => watch(bus, OrderKept)));
    const load = new Load(startBus('publisher', world.options), OrderKept, { pause: () => pause(4) });
    await load.goesOnFor(20);
    for (const first of [(key: string) => key === historyKey(KEPT), (key: string) => key !== historyKey(KEPT)])
      await world.moveSlot(KEPT, { first, halfway: () => sleep(200) });
    const to = (await world.primaryOf(KEPT)).admin;
    await to.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await load.goesOnFor(50);
    await load.stop();
    expect(load.codes).toEqual([]);
    for (const { noted, stats } of screens) {
      await until(() => noted.length === load.next);
      expect(noted).toEqual(range(load.next));
      expect(stats.missed).toBe(0);
    }
    expect(await keptOf(to, KEPT)).toEqual(range(load.next));
  });

  it('while a member leaves and another joins: the ring is right where it is now', async () => {
    const one = startBus('app', world.options);
    const heard: number[] = [];
    const subscription = await one.subscribe(OrderPlaced, ({ n }) => void heard.push(n));
    const two = startBus('app', world.options);
    await world.moveSlot(PLACED, {
      halfway: async () => {
        void subscription.end();
        void two.subscribe(OrderPlaced, ({ n }) => void heard.push(n));
        await sleep(200);
      },
    });
    const ring = async (): Promise<string | null> =>
      (await world.primaryOf(PLACED)).admin.hget(membersKey(PLACED), 'app');
    await until(async () => (await ring())?.slice(0, 16) === two.instance);
    expect(await ring()).toHaveLength(18);
    expect(await startBus('publisher', world.options).publish(OrderPlaced, { n: 1 })).toEqual({
      broadcast: 0,
      groups: { app: 1 },
    });
    await until(() => heard.includes(1));
  });
});
