export { redisTransport } from './redis-transport.js';
export type { RedisTransportOptions } from './options.js';

// For programs that speak to Redis themselves: the script that emits an event, and the names of channels and keys.
export { publishScript, type Script } from './scripts.js';
export { broadcastChannel, inboxChannel, membersKey, stampsKey } from './names.js';
