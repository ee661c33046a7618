import type { Deliver } from '../transport.js';

/** One subscription of one instance. */
export interface Listener {
  readonly instance: string;
  readonly deliver: Deliver;
}

/** Delivers to all of them. Returns how many instances that were: one that listens twice received it once. */
export function deliverToAll(listeners: Iterable<Listener>, body: string, channel: string): number {
  const instances = new Set<string>();
  const origin = { channel };
  for (const { instance, deliver } of listeners) {
    instances.add(instance);
    deliver(body, origin);
  }
  return instances.size;
}
