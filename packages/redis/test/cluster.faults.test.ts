import { describeTransport } from '@belfry/core/conformance';
import { type RedisCluster, startRedis, uniqueNamespace } from '@belfry/testing';
import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisTransportOptions, redisTransport } from '../src/index.js';
import { luaTexts } from '../src/lua-texts.js';
import { membersKey } from '../src/names.js';
import { shardedText } from '../src/scripts.js';
import { note, startBus } from './world.js';

describe('a Redis Cluster of three primaries', () => {
  let options: RedisTransportOptions;
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedis({ cluster: true });
    options = { url: cluster.url.replace('redis:', 'redis+cluster:') };
  });
  afterAll(() => cluster.stop());

  describeTransport('redis cluster', { create: () => redisTransport(options) });

  it('takes events from a foreign program that runs the published script', async () => {
    const foreign = new Cluster([cluster.url]);
    onTestFinished(() => foreign.disconnect());
    const namespace = uniqueNamespace();
    const channel = `${namespace}:orders.placed`;
    const bus = startBus('billing', options, { namespace });
    const [shared, everybody] = [await note(bus), await note(bus, { broadcast: true })];
    const text = shardedText(luaTexts.publish); // as lua/cluster/publish.lua
    const keys = [membersKey(channel), membersKey(channel).replace(/members$/, '-')];
    const envelope = { specversion: '1.0', id: 'shell-1', source: '/shell', type: 'orders.placed', data: { n: 7 } };
    const receipt = await foreign.eval(text, 2, ...keys, channel, '1', '5', '', JSON.stringify(envelope));
    expect(receipt).toEqual([1, 'billing', 1]);
    await vi.waitUntil(() => shared.length + everybody.length === 2);
    expect([shared, everybody]).toEqual([[7], [7]]);
  });
});
