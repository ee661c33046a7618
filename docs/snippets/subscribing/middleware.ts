import type { Middleware } from 'belfry';

/** What it measured last, in milliseconds. */
export const durations = new Map<string, number>();

// #region timing
/** How long each handler takes. */
export const timing: Middleware = async (call, next) => {
  if (call.side !== 'handle') return next(); // publish, request and respond come this way, too
  const began = performance.now();
  try {
    return await next();
  } finally {
    durations.set(call.context.type, performance.now() - began);
  }
};
// #endregion

// #region tenant
/** Sends the tenant along, and refuses what has none. */
export const tenant =
  (name: string): Middleware =>
  (call, next) => {
    if (call.side === 'publish' || call.side === 'request') call.extensions.tenant = name;
    else if (call.context.extensions.tenant === undefined) throw new Error('a message without a tenant');
    return next();
  };
// #endregion
