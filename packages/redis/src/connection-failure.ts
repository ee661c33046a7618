import type { Redis } from 'ioredis';
import { isUnsent } from './failure.js';
import { farewellOf } from './farewell.js';
import { tlsReasonOf } from './tls-failure.js';

/** What is said of a connection that ended before it could be used, when nothing else is known. */
export const ENDED_EARLY = 'it ended the connection before it was ready; is it a Redis, and is TLS (rediss://) right?';

/** ioredis's own words for a connection that something else has ended. */
export const saysNothing = (error: unknown): boolean =>
  isUnsent(error) || (error instanceof Error && error.message === 'Connection is closed.');

/** Why a connection was not to be had, in words that say what to do, where the error's own do not. */
export function explained(error: Error, client: Redis): Error {
  const words = farewellOf(client);
  if (words !== undefined) return new Error(words);
  if (saysNothing(error)) return new Error(ENDED_EARLY);
  if (isForeign(error)) return new Error('what answers there is no Redis');
  const reason = tlsReasonOf(error);
  if (reason !== undefined) return new Error(reason);
  const isCut = 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
  return isCut && client.status !== 'ready' ? new Error(ENDED_EARLY) : error;
}

const isForeign = (error: Error): boolean => /Unknown RESP type|Protocol error/.test(error.message);
