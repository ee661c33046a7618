// A real Redis for tests
export { type RedisServer, type RedisSource, type StartRedisOptions, startRedis } from './redis-server.js';
export type { RedisConfig } from './redis-config.js';
export { redisForTests } from './redis-for-tests.js';
export { uniqueNamespace } from './unique-namespace.js';

// A network that misbehaves
export { type ChunkMatch, type ProxyOptions, type SwallowOptions, startProxy, type TcpProxy } from './tcp-proxy.js';
export type { ConnectionFilter, ConnectionInfo } from './connection-filter.js';

// Other programs that a test may need
export { type UnpackedPackages, type UnpackOptions, unpackDebianPackages } from './debian-package.js';
export { findRedisCli } from './redis-binary.js';
