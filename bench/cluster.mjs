// Measures what a Redis Cluster carries: the servers' CPU per event on one shard and on three, with and without public channels (a classic PUBLISH
// goes to every node of a Cluster), beside one server.
//   node --conditions=@belfry/source --import tsx bench/cluster.mjs [seconds]
// Twelve channels, spread evenly over the shards, four publishers, and a group of two with one broadcast subscriber on each; 400-byte events, one per
// turn and channel, and bursts of 32. `capacity` is how many events a second the Cluster takes when its busiest server has one core to itself: what
// clients could send it from machines of their own. The servers share this machine's cores here, so only their CPU is counted, and not the time.
import { defineEvent } from '@belfry/contracts';
import { createBus, silentLogger } from '@belfry/core';
import { redisTransport } from '@belfry/redis';
import { startRedis } from '@belfry/testing';
import keySlotOf from 'cluster-key-slot';
import { Redis } from 'ioredis';
import { z } from 'zod';

const seconds = Number(process.argv[2] ?? 3);
const [CHANNELS, PUBLISHERS, LOOPS, SLOTS] = [12, 4, 4, 16_384];
const text = 'x'.repeat(200); // with the envelope around it: 400 bytes
const schema = z.object({ text: z.string() });

/** As many events per shard, whichever slots that has. */
function spread(shards) {
  const perShard = Array.from({ length: shards }, () => []);
  for (let n = 0; perShard.some((list) => list.length < CHANNELS / shards); n++) {
    const name = `stock${n}.counted`;
    const list = perShard[Math.floor((keySlotOf(`belfry:${name}`) * shards) / SLOTS)];
    if (list.length < CHANNELS / shards) list.push(defineEvent(name, { schema }));
  }
  return perShard.flat();
}

async function cpuOf(admin) {
  const info = await admin.info('cpu');
  const of = (name) => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)[1]);
  return of('used_cpu_user') + of('used_cpu_sys');
}

/** A Cluster, or one server, with its servers: the primaries first. */
const topologies = {
  'one server': async () => {
    const redis = await startRedis({ fresh: true });
    return { options: { url: redis.url }, urls: [redis.url], shards: 1, stop: () => redis.stop() };
  },
  'Cluster, 1 shard': async () => {
    const redis = await startRedis({
      fresh: true,
      config: { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' },
    });
    const admin = new Redis(redis.url);
    await admin.cluster('ADDSLOTSRANGE', 0, SLOTS - 1);
    while (!String(await admin.cluster('INFO')).includes('cluster_state:ok')) await pause(20);
    admin.disconnect();
    return { options: clusterAt(redis.url), urls: [redis.url], shards: 1, stop: () => redis.stop() };
  },
  'Cluster, 3 shards': async () => {
    const cluster = await startRedis({ cluster: true });
    const urls = cluster.nodes.map(({ url }) => url);
    return { options: clusterAt(cluster.url), urls, shards: 3, stop: () => cluster.stop() };
  },
};
const clusterAt = (url) => ({ url: url.replace('redis:', 'redis+cluster:') });
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function measure({ options, urls, shards }, publicChannels, perTurn) {
  const open = (name) => createBus({ name, publicChannels, logger: silentLogger, transport: redisTransport(options) });
  const contracts = spread(shards);
  const [subscribers, publishers] = [[open('app'), open('app'), open('screen')], []];
  for (let n = 0; n < PUBLISHERS; n++) publishers.push(open('publisher'));
  for (const contract of contracts) {
    for (const bus of subscribers.slice(0, 2)) await bus.subscribe(contract, () => {});
    await subscribers[2].subscribe(contract, () => {}, { broadcast: true });
  }
  const admins = urls.map((url) => new Redis(url));
  const publishOnAll = async (bus) => {
    const publishes = contracts.flatMap((contract) =>
      Array.from({ length: perTurn }, () => bus.publish(contract, { text })),
    );
    for (const { broadcast, groups } of await Promise.all(publishes))
      if (broadcast !== 1 || groups.app !== 1) throw new Error('an event found nobody');
    return publishes.length;
  };
  for (const bus of publishers) await publishOnAll(bus);
  const before = await Promise.all(admins.map(cpuOf));
  const began = performance.now();
  let events = 0;
  // Several loops each: a server that has little to do each time it wakes up takes more time for it.
  const busy = publishers.flatMap((bus) => Array.from({ length: LOOPS }, () => bus));
  await Promise.all(
    busy.map(async (bus) => {
      while (performance.now() - began < seconds * 1000) events += await publishOnAll(bus);
    }),
  );
  const after = await Promise.all(admins.map(cpuOf));
  for (const admin of admins) admin.disconnect();
  await Promise.all([...subscribers, ...publishers].map((bus) => bus.close({ timeout: 1000 })));
  const cpu = after.map((each, at) => each - before[at]);
  const primaries = cpu.slice(0, shards).reduce((sum, each) => sum + each, 0);
  const all = cpu.reduce((sum, each) => sum + each, 0);
  return {
    perEvent: (primaries * 1e6) / events,
    withReplicas: (all * 1e6) / events,
    capacity: events / Math.max(...cpu),
  };
}

console.log(
  '| servers | public channels | us of primaries per event | with replicas | events per second of server CPU | capacity, events/s |',
);
console.log('| --- | --- | ---: | ---: | ---: | ---: |');
const thousands = (number) => `${Math.round(number / 1000)}k`;
for (const [name, start] of Object.entries(topologies)) {
  const topology = await start();
  for (const publicChannels of [true, false]) {
    const cells = [];
    for (const perTurn of [1, 32]) cells.push(await measure(topology, publicChannels, perTurn));
    const both = (show) => cells.map(show).join(' / ');
    console.log(
      `| ${name} | ${publicChannels ? 'yes' : 'no'} | ${both(({ perEvent }) => perEvent.toFixed(1))} | ${both(
        ({ withReplicas }) => withReplicas.toFixed(1),
      )} | ${both(({ perEvent }) => thousands(1e6 / perEvent))} | ${both(({ capacity }) => thousands(capacity))} |`,
    );
  }
  await topology.stop();
}
