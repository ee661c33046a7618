import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ClusterWorld } from './cluster-world.js';
import { Audience } from './outages-audience.js';
import { outlives } from './outages-load.js';

const PATIENCE = 5000;
const app = { heartbeat: 500, patience: PATIENCE } as const;

const report = (load: { said: { way: string; outcome: string | undefined; took: number }[] }, audience: Audience) => {
  const by: Record<string, number> = {};
  for (const { way, outcome } of load.said) by[`${way} ${outcome}`] = (by[`${way} ${outcome}`] ?? 0) + 1;
  const ok = load.said.filter(({ way, outcome }) => way === 'event' && outcome === 'ok');
  const { heard } = audience;
  console.log(
    by,
    'event: total',
    ok.length,
    'group',
    heard.group.length,
    'broadcast',
    heard.broadcast.length,
    'longest',
    Math.max(...load.said.map(({ took }) => took)),
  );
};

describe('a Cluster under load', { timeout: 120_000 }, () => {
  it('whose slots move there and back', async () => {
    const world = await ClusterWorld.start(app);
    const audience = await Audience.gather({ app: world.options, patterns: false });
    const moves = async () => {
      for (let round = 0; round < 2; round++)
        for (const channel of [
          'belfry:orders.placed',
          'belfry:orders.paid',
          'belfry:work.do/request',
          'rumours',
          `belfry:asker/${audience.asker.instance}`,
        ])
          await world.moveSlot(channel, () => sleep(300));
    };
    const load = await outlives(audience, moves, { admin: () => world.isWhole(audience), within: PATIENCE + 1000 });
    report(load, audience);
    expect(load.said.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  });
  it('whose primary hands over', async () => {
    const world = await ClusterWorld.start(app);
    const audience = await Audience.gather({ app: world.options, patterns: false });
    const moves = async () => {
      for (const channel of ['belfry:orders.placed', 'belfry:orders.paid', 'belfry:work.do/request']) {
        const replica = await world.replicaOf(await world.primaryOf(channel));
        await replica.admin.cluster('FAILOVER');
        await expect.poll(async () => (await world.primaryOf(channel)).id, { timeout: 10000 }).toBe(replica.id);
      }
    };
    const load = await outlives(audience, moves, { admin: () => world.isWhole(audience), within: PATIENCE + 1000 });
    report(load, audience);
  });
  it('whose primary is killed', async () => {
    const world = await ClusterWorld.start(app);
    const audience = await Audience.gather({ app: world.options, patterns: false });
    const moves = async () => {
      for (const channel of ['belfry:orders.placed']) {
        const primary = await world.primaryOf(channel);
        const replica = await world.replicaOf(primary);
        await primary.server.kill();
        await expect.poll(async () => (await world.primaryOf(channel)).id, { timeout: 20000 }).toBe(replica.id);
      }
    };
    const load = await outlives(audience, moves, { admin: () => world.isWhole(audience), within: PATIENCE + 1000 });
    report(load, audience);
  });
});
