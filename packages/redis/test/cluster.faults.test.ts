import { describeTransport } from '@belfry/core/conformance';
import { startRedis } from '@belfry/testing';
import { afterAll, beforeAll, describe } from 'vitest';
import { type RedisTransportOptions, redisTransport } from '../src/index.js';

describe('a Redis Cluster of three primaries', () => {
  let options: RedisTransportOptions;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const cluster = await startRedis({ cluster: true });
    stop = cluster.stop;
    options = { url: cluster.url.replace('redis:', 'redis+cluster:') };
  });
  afterAll(() => stop());

  describeTransport('redis cluster', { create: () => redisTransport(options) });
});
