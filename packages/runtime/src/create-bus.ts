import { type Bus, type BusOptions, createBus as createCoreBus } from '@belfry/core';
import { transportFor } from './transport-url.js';

/**
 * Builds a bus without a service around it: for scripts, tests and programs that bring a framework of their own.
 * Knows the URLs `memory:`, `memory:name`, `redis://…`, `rediss://…`, `redis+cluster://…` and `redis+sentinel://…`. Opens nothing yet: it connects when it is first used.
 * @throws BelfryError `OPTION_INVALID`, listing every mistake; `TRANSPORT_UNKNOWN` for other URLs
 */
export function createBus(options: BusOptions): Bus {
  const { url, ...others } = options ?? {};
  if (typeof url !== 'string' || others.transport !== undefined) return createCoreBus(options);
  return createCoreBus({ ...others, transport: transportFor(url) });
}
