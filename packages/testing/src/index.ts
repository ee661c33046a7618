/**
 * Services under test, doubles, matchers, a real Redis.
 * @module @belfry/testing
 */

// Services under test
export { startHarness } from './harness/start-harness.js';
export { type Override, override } from './harness/override.js';
export type {
  Harness,
  HarnessOptions,
  HarnessWiring,
  ServiceFactory,
  ServiceSetup,
  WaitOptions,
} from './harness/harness.js';
export type {
  Asked,
  DeadLettered,
  Fact,
  Failed,
  Handleable,
  Handled,
  HandledData,
  Published,
} from './harness/facts.js';
export type { LogLine } from './harness/log.js';
export type { PartlyLike, Where } from './harness/where.js';

// Matchers, for expect.extend of other runners than vitest: that has '@belfry/testing/vitest'
export { matchers } from './vitest/matchers.js';

// Doubles for a unit test of one class
export { type FakeContext, fakeContext } from './doubles/fake-context.js';
export { type FakePublisher, fakePublisher } from './doubles/fake-publisher.js';
export { fakeRequester } from './doubles/fake-requester.js';
export { type AnyFakeResponder, type Answering, type FakeResponder, fakeResponder } from './doubles/fake-responder.js';

// Services under schedules that a seed decides
export {
  type Exploration,
  type Explored,
  explore,
  type ExploreOptions,
  type Scenario,
} from './explore/explore.js';
export type { Faults } from './explore/faults.js';
export { Random } from '@belfry/core/random';

// A real Redis for tests
export {
  type RedisServer,
  type RedisSource,
  type StartRedisClusterOptions,
  type StartRedisOptions,
  type StartRedisSentinelOptions,
  startRedis,
} from './redis-server.js';
export type { RedisCluster } from './redis-cluster.js';
export type { RedisNode } from './redis-node.js';
export type { SentinelNode, SentinelRedis } from './redis-sentinel.js';
export type { ClientCertificate } from './redis-security.js';
export type { RedisConfig } from './redis-config.js';
export { redisForTests } from './redis-for-tests.js';
export { uniqueNamespace } from './unique-namespace.js';
export { workerNamespace } from './worker-namespace.js';

// A network that misbehaves
export { type ChunkMatch, type ProxyOptions, type SwallowOptions, startProxy, type TcpProxy } from './tcp-proxy.js';
export type { ConnectionFilter, ConnectionInfo } from './connection-filter.js';

// Other programs that a test may need
export { type UnpackedPackages, type UnpackOptions, unpackDebianPackages } from './debian-package.js';
export { findRedisCli } from './redis-binary.js';
