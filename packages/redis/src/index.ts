/**
 * The Redis transport.
 * @module @belfry/redis
 */

export { redisTransport } from './redis-transport.js';
export type { RedisTransportOptions } from './options.js';
export { type AccessRules, type AccessRulesOptions, accessRules } from './access-rules.js';

// For programs that speak to Redis themselves: the scripts that emit an event, append one and ask a request, and the
// names of channels and keys.
export { appendScript, askScript, publishScript, type Script } from './scripts.js';
export { broadcastChannel, deadKey, inboxChannel, logKey, mailChannel, membersKey, stampsKey } from './names.js';
