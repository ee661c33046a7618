import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterWorld } from './cluster-world.js';
import { Audience } from './outages-audience.js';
import { note, OrderPlaced, startBus } from './world.js';

describe('a Cluster over TLS', { timeout: 60_000 }, () => {
  let world: ClusterWorld;
  beforeAll(async () => {
    world = await ClusterWorld.start({ heartbeat: 500 }, {}, 'mutual');
  });
  afterAll(() => world.stop());

  it('is heard in every way, with a client certificate, also after a replica has taken over', async () => {
    const audience = await Audience.gather({ app: world.options, patterns: false });
    const primary = await world.primaryOf('belfry:orders.placed');
    const replica = await world.replicaOf(primary);
    await primary.server.kill();
    await world.takenOver(replica);
    await world.isWhole(audience);
    await audience.hearsEverythingOnce();
  });

  it('tells whoever shows no certificate what is missing', async () => {
    const { url } = world.options;
    const redis = { tls: { ca: world.cluster.ca } };
    const bus = startBus('app', { url, redis, subscribePatience: 1500, patience: 1500 });
    const tried = [note(bus), bus.publish(OrderPlaced, { n: 1 }), bus.open()];
    const failures = await Promise.all(tried.map((each) => each.catch(String)));
    for (const failure of failures)
      expect(failure).toMatch(
        /^BelfryError: TRANSPORT_UNAVAILABLE.*(wants to see a client certificate|before it was ready)/,
      );
  });
});
