// For people who write transports: the suite that a transport must pass. It runs on vitest.
export type { ConformanceOptions } from './describe-transport.js';
export { describeTransport } from './describe-transport.js';
export type { SkippedTest } from './skips.js';
export { CLAIM_TIMEOUT, explore, type GroupPort } from './explorer.js';
