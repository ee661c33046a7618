import { setTimeout as sleep } from 'node:timers/promises';
import { defineEvent } from '@belfry/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { ClusterWorld, type Node } from './cluster-world.js';
import { OrderPaid, until } from './durable-world.js';
import { keptOf, Load, pause, watch } from './loss-world.js';
import { Audience, ways } from './outages-audience.js';
import { outlives } from './outages-load.js';
import { collectingLogger, range, startBus } from './world.js';

const HEARTBEAT = 500;
const PATIENCE = 5000;
/** What was written waits for the heartbeat to notice that nobody answers, and then as long as what was not. */
const WITHIN = 4 * HEARTBEAT + PATIENCE + 1000;
const PLACED = 'belfry:orders.placed';
const PAID = 'belfry:orders.paid';

const codeOf = (publish: Promise<unknown>): Promise<unknown> =>
  publish.then(
    () => 'ok',
    (error) => error.code,
  );

describe('a Cluster', { timeout: 60_000 }, () => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await ClusterWorld.start(
      { heartbeat: HEARTBEAT, patience: PATIENCE },
      { 'enable-debug-command': 'yes', 'repl-diskless-sync-delay': '0' },
    );
  });
  afterAll(() => world.stop());
  beforeEach(() => world.mend());

  const gather = () => Audience.gather({ app: world.options, patterns: false });
  /** An event whose channel a node serves. */
  const eventOn = async ({ id }: Node, beginning: string, recover?: object) => {
    for (let n = 0; ; n++) {
      const name = `${beginning}${n}.told`;
      if ((await world.primaryOf(`belfry:${name}`)).id === id)
        return defineEvent(name, {
          schema: z.object({ n: z.number() }),
          ...(recover === undefined ? {} : { recover }),
        });
    }
  };

  it('whose primaries hand over one after the other, as for an upgrade: every publish and request succeeds', async () => {
    const audience = await gather();
    const handOvers = async () => {
      for (const primary of await world.primaries()) await world.handOver(primary);
    };
    const load = await outlives(audience, handOvers, { admin: () => world.isWhole(audience), within: WITHIN });
    expect(load.said.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });

  it('whose primary is killed, and comes back as a replica: everybody follows, and what is missing is counted', async () => {
    const audience = await gather();
    const primary = await world.primaryOf(PLACED);
    const replica = await world.replicaOf(primary);
    const [Told, Kept] = [await eventOn(primary, 'plain'), await eventOn(primary, 'kept', {})];
    const publisher = startBus('publisher', world.options);
    const [told, kept] = [
      await watch(startBus('screen', world.options), Told),
      await watch(startBus('screen', world.options), Kept),
    ];
    const loads = [Told, Kept].map((contract) => new Load(publisher, contract, { pause: () => pause(5) }));
    const killed = async () => {
      await primary.server.kill();
      await world.takenOver(replica);
      await primary.server.restart();
      await Promise.all(loads.map((load) => load.goesOnFor(20)));
    };
    await outlives(audience, killed, { admin: () => world.isWhole(audience), within: WITHIN });
    await Promise.all(loads.map((load) => load.stop()));
    // A last one each, from which everything before it can be counted.
    const lasts = loads.map(({ next }) => next);
    await publisher.publish(Told, { n: lasts[0]! });
    await publisher.publish(Kept, { n: lasts[1]! });
    await until(() => told.noted.includes(lasts[0]!) && kept.noted.includes(lasts[1]!));
    for (const [at, { noted, stats }] of [told, kept].entries()) {
      expect(noted).toEqual([...new Set(noted)].toSorted((a, b) => a - b));
      const { fulfilled } = loads[at]!;
      const missing = fulfilled.filter((n) => !noted.includes(n));
      await until(() => stats.missed >= missing.length);
    }
    // What the replica has of the history has been handled, whoever was away meanwhile.
    const history = await keptOf(replica.admin, `belfry:${Kept.name}`);
    expect(history.filter((n) => !kept.noted.includes(n))).toEqual([]);
    expect(await replica.admin.info('replication')).toContain('connected_slaves:1');
  });

  it('whose primary stands still until a replica has taken over, and then wakes up', async () => {
    const audience = await gather();
    const primary = await world.primaryOf(PLACED);
    const replica = await world.replicaOf(primary);
    const stopped = async () => {
      await primary.server.kill('SIGSTOP');
      await world.takenOver(replica);
      await primary.server.kill('SIGCONT');
    };
    await outlives(audience, stopped, { admin: () => world.isWhole(audience), within: WITHIN });
  });

  it('a primary that has no replica is killed: its publishes end in time, the others go on, and all is back with it', async () => {
    const patience = 1000;
    const primary = await world.primaryOf(PLACED);
    const replica = await world.replicaOf(primary);
    const other = (await world.primaries()).find(({ id }) => id !== primary.id) as Node;
    const [Here, There] = [await eventOn(primary, 'here'), await eventOn(other, 'there')];
    const bus = startBus('app', world.options);
    const heard: number[] = [];
    for (const contract of [Here, There]) await bus.subscribe(contract, ({ n }) => void heard.push(n));
    const publisher = startBus('publisher', { ...world.options, patience });
    await publisher.publish(Here, { n: -1 });
    const survivors = world.nodes.filter((node) => node !== primary && node !== replica);
    const fullCoverage = (full: 'yes' | 'no') =>
      Promise.all(survivors.map(({ admin }) => admin.config('SET', 'cluster-require-full-coverage', full)));
    onTestFinished(async () => void (await fullCoverage('yes')));
    await replica.server.kill();
    await primary.server.kill();
    // As Redis is by default, nobody serves anything while some slots are not served.
    const down = () => publisher.publish(There, { n: -1 }).catch(({ code, message }) => `${code} ${message}`);
    await expect
      .poll(down, { timeout: 10_000 })
      .toMatch(/^TRANSPORT_UNAVAILABLE .* within 1000 ms \(CLUSTERDOWN The cluster is down\)/);
    await fullCoverage('no');
    await until(async () => (await codeOf(publisher.publish(There, { n: -1 }))) === 'ok');
    for (const n of range(3)) {
      const here = publisher.publish(Here, { n: 1000 + n });
      expect(await publisher.publish(There, { n })).toMatchObject({ groups: { app: 1 } });
      const began = performance.now();
      await expect(here).rejects.toThrow(/^TRANSPORT_UNAVAILABLE: no answer from Redis at .* within 1000 ms \(.+\)/);
      expect(performance.now() - began).toBeLessThan(patience + 500);
    }
    await primary.server.restart();
    // It has come back empty: its ring is made again.
    await expect
      .poll(() => publisher.publish(Here, { n: 4000 }).catch(({ code }) => code), { timeout: 10_000 })
      .toMatchObject({ groups: { app: 1 } });
    await until(() => heard.includes(4000));
    expect(await publisher.publish(There, { n: 4001 })).toMatchObject({ groups: { app: 1 } });
    expect(heard.filter((n) => n >= 1000 && n < 4000)).toEqual([]);
  });

  it('all of whose nodes are restarted with their data: everybody is back, and no durable event is missing', async () => {
    const audience = await gather();
    const restarted = () => Promise.all(world.nodes.map(({ server }) => server.restart()));
    await outlives(audience, restarted, { admin: () => world.isWhole(audience), within: WITHIN });
  });

  it('a replica that had not got everything takes over: the publisher tells how many confirmed durable events are gone', async () => {
    const logger = collectingLogger();
    const publisher = startBus('publisher', world.options, { logger });
    const handled: number[] = [];
    await startBus('app', world.options).subscribe(OrderPaid, ({ n }) => void handled.push(n));
    const primary = await world.primaryOf(PAID);
    const replica = await world.replicaOf(primary);
    await publisher.publish(OrderPaid, { n: 0 });
    await until(() => handled.length === 1);
    await primary.admin.call('WAIT', 1, 1000);
    // It has to begin anew with everything, and that does not begin in time.
    await primary.admin.config('SET', 'repl-diskless-sync-delay', '3600');
    await primary.admin.call('DEBUG', 'CHANGE-REPL-ID');
    await primary.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
    for (const n of range(10, 1)) await publisher.publish(OrderPaid, { n });
    await primary.server.kill();
    await world.takenOver(replica);
    await publisher.publish(OrderPaid, { n: 11 });
    await publisher.publish(OrderPaid, { n: 12 });
    const told = logger.lines.filter((line) => line.includes('had confirmed'));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/"lost":10\b/);
    await until(() => handled.includes(12));
  });

  it('ends the subscriber connections of everybody on every node, again and again', async () => {
    const audience = await gather();
    const kills = async () => {
      for (const _ of range(4)) {
        for (const { admin } of world.nodes) await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await sleep(150);
      }
    };
    await outlives(audience, kills, { admin: () => world.isWhole(audience), within: WITHIN });
  });

  it('whose nodes forget their scripts all the time: nothing is refused, lost or out of order', async () => {
    const audience = await gather();
    const forgetting = async () => {
      for (const _ of range(20)) {
        await Promise.all((await world.primaries()).map(({ admin }) => admin.script('FLUSH')));
        await sleep(Math.random() * 20);
      }
    };
    const load = await outlives(audience, forgetting, {
      admin: () => world.isWhole(audience),
      within: WITHIN,
      pause: 5,
    });
    const failed = load.said.filter(({ outcome }) => outcome !== 'ok' && outcome !== 'TRANSPORT_UNAVAILABLE');
    expect(failed).toEqual([]);
    for (const way of ways) {
      const confirmed = load.said.filter((each) => each.way === way && each.outcome === 'ok').map(({ n }) => n);
      for (const list of audience.listsOf(way)) expect(confirmed.filter((n) => !list.includes(n))).toEqual([]);
    }
  });
});
